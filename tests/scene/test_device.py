"""Samples painted by the GPU's kernels, on the stand-in for a GPU, against those painted on the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clustercnn.errors import InvalidInput, MissingBackend
from clustercnn.render import Renderer, RenderSettings
from clustercnn.render.cuda import layout, probe
from clustercnn.scene import DeviceScenes, Scenes

SEED = 12


@pytest.fixture
def emulated(monkeypatch, new_cupy):
    """The stand-in is what CuPy is."""
    cupy = new_cupy()
    monkeypatch.setattr(probe, "load_cupy", lambda: cupy)


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=pytest.mark.cuda)])
def on_gpu(request):
    """``DeviceScenes`` on the stand-in, or on a GPU."""
    if request.param == "emulated":
        request.getfixturevalue("emulated")
    return DeviceScenes


@pytest.fixture(scope="module")
def of(survey, prior):
    """Scenes on some mosaics, drawn as training draws: with smooth light of faint stars; and calibration that errs."""
    renderer = Renderer(survey, size=33, settings=RenderSettings(threads=1, faint_fraction=0.1))
    prior = replace(prior, zero_point=0.1, distance=0.2)
    return lambda *mosaics, **shares: Scenes(survey, prior, renderer, mosaics=mosaics, **shares)


def test_structures_are_those_of_the_kernels(emulator):
    assert emulator.size_of("SceneJob") == layout.SCENE_JOB.itemsize


@pytest.mark.parametrize("noisy", [False, True])
def test_samples_are_those_of_the_cpu(of, field, flat, on_gpu, noisy):
    """Two mosaics of different shapes, clusters, confusers and empty samples, all orientations, edges, cosmic rays.

    Light differs by rounding (1e-5 of an image's peak, see test_gpu_host.py), which moves the quantile of a Poisson
    deviate across a whole number with that probability times its slope: of pixels with means up to some 1e5 photons,
    whose quantiles differ by up to 1e-5 of it, a percent may differ, and those by one photon in most cases.
    """
    other = replace(flat, data=flat.data * np.linspace(0.5, 3, 96, dtype=np.float32))
    mosaics = [replace(m, noisy=noisy) for m in (field, other)]
    scenes = of(*mosaics, edge_fraction=0.4, cosmic_ray_fraction=0.6)
    found, expected = on_gpu(scenes).batch(5, 16, seed=SEED), scenes.batch(5, 16, seed=SEED)
    assert 4 < expected.present.sum() < 12
    np.testing.assert_array_equal(found.present.get(), expected.present)
    # masses as in test_gpu_host.py; S/N is a sum of squares of light over float32 variances
    np.testing.assert_allclose(found.labels.get(), expected.labels, rtol=1e-6)
    np.testing.assert_allclose(found.log_snr.get(), expected.log_snr, atol=1e-5)
    exposure = np.array([b.exposure for b in scenes.survey.bands])[:, None, None]
    photons = np.abs(found.images.get() - expected.images) * exposure
    light = np.abs(expected.images).max(axis=(2, 3), keepdims=True) * exposure
    assert (photons > 0.5).mean() < 0.01
    assert (photons <= 2 + 1e-4 * light).all()


def test_a_sample_does_not_depend_on_its_batch(of, field, on_gpu):
    scenes = on_gpu(of(field))
    whole, part = scenes.batch(0, 6, seed=SEED), scenes.batch(3, 3, seed=SEED)
    np.testing.assert_array_equal(whole.images.get()[3:], part.images.get())
    np.testing.assert_array_equal(whole.labels.get()[3:], part.labels.get())


@pytest.mark.usefixtures("emulated")
def test_threads_wait_where_they_must(of, field, emulator, monkeypatch):
    scenes, images = DeviceScenes(of(field)), []
    for order in (0, 1, 5):
        monkeypatch.setattr(emulator, "order", order)
        batch = scenes.batch(0, 2, seed=SEED)
        images.append((batch.images.get(), batch.log_snr.get()))
    for other in images[1:]:
        for a, b in zip(images[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_samples_without_anything_drawn(of, field, on_gpu):
    """Light that was in the batch's memory before does not show."""
    scenes = of(field, present_fraction=0.0, confuser_fraction=0.0)
    device = on_gpu(scenes)
    out = device.allocate(3, 3, 33)
    out.images.set(np.full((3, 3, 33, 33), 1e6, np.float32))
    assert device.batch(0, 3, seed=SEED, out=out) is out
    np.testing.assert_allclose(out.images.get(), scenes.batch(0, 3, seed=SEED).images, atol=2e-3)
    assert np.isnan(out.labels.get()).all()


def test_bad_calls_are_refused(of, field, on_gpu):
    scenes = on_gpu(of(field))
    with pytest.raises(InvalidInput, match="first >= 0 and n >= 1"):
        scenes.batch(-1, 2, seed=SEED)
    with pytest.raises(InvalidInput, match=r"out.images: float32 \(2, 3, 33, 33\); float32 \(3, 3, 33, 33\) is"):
        scenes.batch(0, 3, seed=SEED, out=scenes.allocate(2, 3, 33))


def test_without_a_gpu(of, field, monkeypatch):
    def missing():
        raise MissingBackend("backend 'cuda': none here")

    monkeypatch.setattr(probe, "load_cupy", missing)
    with pytest.raises(MissingBackend, match="none here"):
        DeviceScenes(of(field))
