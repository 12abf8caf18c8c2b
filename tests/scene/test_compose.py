from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.scene import Scenes
from clustercnn.scene.counters import uniforms

SEED = 11
FIELDS = ("images", "present", "labels", "log_snr")


@pytest.fixture(scope="module")
def scenes(survey, prior, renderer, field) -> Scenes:
    return Scenes(survey, prior, renderer, mosaics=[field])


def same(a, b) -> bool:
    return all(np.array_equal(getattr(a, f), getattr(b, f), equal_nan=True) for f in FIELDS)


def rows(batch, start, stop):
    return {f: getattr(batch, f)[start:stop] for f in FIELDS}


def column(survey, name) -> np.ndarray:
    return np.array([getattr(b, name) for b in survey.bands], float)[:, None, None]


def clusters(scenes, numbers) -> np.ndarray:
    """Noise-free images of the clusters with these numbers."""
    params = scenes.prior.sample_at(np.asarray(numbers), seed=SEED, size=scenes.size)
    return scenes.renderer.render(params, seed=SEED, indices=np.asarray(numbers))


def test_a_sample_is_a_function_of_seed_and_number(scenes):
    whole = scenes.batch(0, 24, seed=SEED)
    for start, stop in ((0, 1), (1, 9), (9, 24)):
        part = scenes.batch(start, stop - start, seed=SEED)
        for name, values in rows(whole, start, stop).items():
            np.testing.assert_array_equal(getattr(part, name), values)
    assert not np.array_equal(scenes.batch(0, 24, seed=SEED + 1).images, whole.images)


def test_a_batch_is_filled_in_place(scenes):
    out = scenes.allocate(6, 3, 32)
    images = out.images
    first = scenes.batch(0, 6, seed=SEED, out=out)
    assert first is out
    assert first.images is images
    copy = images.copy()
    scenes.batch(6, 6, seed=SEED, out=out)
    assert not np.array_equal(copy, images)
    scenes.batch(0, 6, seed=SEED, out=out)
    np.testing.assert_array_equal(copy, images)


def test_threads_share_scenes(scenes):
    expected = [scenes.batch(8 * k, 8, seed=SEED) for k in range(6)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda k: scenes.batch(8 * k, 8, seed=SEED), range(6)))
    assert all(same(a, b) for a, b in zip(expected, found, strict=True))


def test_labels_are_those_of_the_prior_with_the_realised_mass(scenes):
    batch = scenes.batch(100, 40, seed=SEED)
    there = batch.present > 0
    assert np.isfinite(batch.labels[there]).all()
    assert np.isnan(batch.labels[~there]).all()
    assert np.isnan(batch.log_snr[~there]).all()
    assert np.isfinite(batch.log_snr[there]).all()
    numbers = 100 + np.flatnonzero(there)
    params = scenes.prior.sample_at(numbers, seed=SEED, size=scenes.size)
    others = [0, 2, 3]
    np.testing.assert_array_equal(batch.labels[there][:, others], params.labels()[:, others])
    masses = np.empty(len(numbers))
    scenes.renderer.render(params, seed=SEED, indices=numbers, log_mass_out=masses)
    np.testing.assert_array_equal(batch.labels[there][:, 1], masses.astype(np.float32))


def test_share_of_clusters(survey, prior, renderer, flat):
    present = uniforms(SEED, "sample", first=0, n=4000, k=5)[:, 0] < 0.3
    # binomial: sigma = sqrt(0.3 * 0.7 / 4000) = 0.0072; 5 sigma
    assert abs(present.mean() - 0.3) < 0.036
    for share in (0.0, 1.0):
        scenes = Scenes(survey, prior, renderer, mosaics=[flat], present_fraction=share)
        assert (scenes.batch(0, 8, seed=SEED).present == share).all()


def test_synthetic_noise_is_photons_of_everything_and_read_noise(survey, prior, renderer, flat):
    scenes = Scenes(survey, prior, renderer, mosaics=[flat], present_fraction=0.5, confuser_fraction=0.0)
    batch = scenes.batch(0, 40, seed=SEED)
    there = np.flatnonzero(batch.present)
    signal = np.zeros_like(batch.images)
    signal[there] = np.maximum(clusters(scenes, there), 0)
    rate = signal + 0.5
    t = column(survey, "exposure")
    variance = (rate + column(survey, "sky")) / t + (column(survey, "read_noise") / t) ** 2
    pulls = (batch.images - rate) / np.sqrt(variance)
    # N = 40 * 3 * 1024 pulls of mean 0 and variance 1: 1 / sqrt(N) = 0.0029 and sqrt(2 / N) = 0.0040; 5 sigma.
    # Poisson's kurtosis, 1 / (rate t) < 1/500, adds 0.1 % to the latter
    assert abs(pulls.mean()) < 0.0145
    assert abs(pulls.var() - 1) < 0.021


def test_observed_background_gets_no_noise_again(survey, prior, renderer, observed):
    scenes = Scenes(survey, prior, renderer, mosaics=[observed], confuser_fraction=0.0)
    batch = scenes.batch(0, 40, seed=SEED)
    there = np.flatnonzero(batch.present)
    assert (batch.images[batch.present == 0] == 0.5).all()  # the background as it was, bit for bit
    signal = np.maximum(clusters(scenes, there), 0)
    electrons = signal * column(survey, "exposure")
    bright = electrons > 20
    pulls = ((batch.images[there] - 0.5) * column(survey, "exposure") - electrons)[bright] / np.sqrt(electrons[bright])
    # only the cluster's own photons: variance 1 with a scatter of sqrt((2 + 1 / 20) / N); 5 sigma
    assert bright.sum() > 2000
    assert abs(pulls.var() - 1) < 5 * np.sqrt(2.05 / bright.sum())
    assert abs(pulls.mean()) < 5 / np.sqrt(bright.sum())


def test_snr_on_a_flat_field(survey, prior, renderer, flat):
    scenes = Scenes(survey, prior, renderer, mosaics=[flat], present_fraction=1.0)
    batch = scenes.batch(0, 12, seed=SEED)
    signal = clusters(scenes, np.arange(12)).astype(float)
    t = column(survey, "exposure")
    variance = (np.maximum(signal, 0) + 0.5 + column(survey, "sky")) / t + (column(survey, "read_noise") / t) ** 2
    expected = np.sqrt((signal**2 / variance).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(10.0**batch.log_snr, np.maximum(expected, 1e-3), rtol=1e-4)  # float32 sums and logs


def test_structure_lowers_the_snr(survey, prior, renderer, flat):
    rough = flat.data + np.random.default_rng(1).uniform(-0.4, 0.4, flat.data.shape).astype(np.float32)
    smooth, mottled = (
        Scenes(survey, prior, renderer, mosaics=[m], present_fraction=1.0).batch(0, 12, seed=SEED).log_snr
        for m in (flat, replace(flat, data=rough))
    )
    assert (mottled < smooth).all()


def test_confusers_are_bright_and_only_in_samples_without_a_cluster(survey, prior, renderer, flat):
    plain, confused = (
        Scenes(survey, prior, renderer, mosaics=[flat], confuser_fraction=f).batch(0, 300, seed=SEED)
        for f in (0.0, 1.0)
    )
    there = plain.present > 0
    np.testing.assert_array_equal(plain.images[there], confused.images[there])
    extra = (confused.images - plain.images)[~there]
    t = column(survey, "exposure")
    noise = np.sqrt((0.5 + column(survey, "sky")) / t + (column(survey, "read_noise") / t) ** 2)
    # a confuser has a star of S/N >= 5 on the sky alone; two thirds stand out of this bright flat field too, by 3 times
    # the noise of a pixel. Of 150 samples that share is known to 0.039; 4 sigma
    assert ((extra / noise).max(axis=(1, 2, 3)) > 3).mean() > 0.5


def test_errors_of_calibration_scale_the_light(survey, prior, renderer, observed):
    """Each band of each cluster is brighter or fainter by its own factor; the labels are what they were."""
    dark = replace(observed, data=np.zeros_like(observed.data))
    off = replace(prior, zero_point=0.3, distance=0.2)
    plain, scaled = (Scenes(survey, p, renderer, mosaics=[dark], present_fraction=1.0) for p in (prior, off))
    batch = scaled.batch(0, 60, seed=SEED)
    np.testing.assert_array_equal(batch.labels, plain.batch(0, 60, seed=SEED).labels)
    gains = off.gains_at(np.arange(60), seed=SEED, bands=3)
    exposure = column(survey, "exposure")[:, 0, 0]
    expected = gains * exposure * np.maximum(clusters(plain, np.arange(60)), 0).sum(axis=(2, 3), dtype=float)
    found = exposure * batch.images.sum(axis=(2, 3), dtype=float)
    bright = expected > 100
    pulls = ((found - expected) / np.sqrt(expected))[bright]
    # photons: mean 0, variance 1 with a scatter of sqrt((2 + 1 / 100) / N); 5 sigma
    assert bright.sum() > 60
    assert abs(pulls.mean()) < 5 / np.sqrt(bright.sum())
    assert abs(pulls.var() - 1) < 5 * np.sqrt(2.01 / bright.sum())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"present_fraction": 1.5}, "present_fraction: 1.5; 0 to 1 is allowed"),
        ({"confuser_fraction": -0.1}, "confuser_fraction: -0.1; 0 to 1 is allowed"),
    ],
)
def test_bad_fractions_are_refused(survey, prior, renderer, flat, options, message):
    with pytest.raises(InvalidInput, match=message):
        Scenes(survey, prior, renderer, mosaics=[flat], **options)


def test_bad_calls_are_refused(scenes):
    with pytest.raises(InvalidInput, match="first >= 0 and n >= 1"):
        scenes.batch(-1, 4, seed=SEED)
    with pytest.raises(InvalidInput, match=r"out.images: float32 \(5, 3, 32, 32\); float32 \(4, 3, 32, 32\) is needed"):
        scenes.batch(0, 4, seed=SEED, out=scenes.allocate(5, 3, 32))
    with pytest.raises(InvalidInput, match="seed: -1"):
        scenes.batch(0, 4, seed=-1)


def test_bands_must_be_those_of_the_survey(survey, prior, renderer, flat):
    other = replace(flat, bands=("F336W", "F438W", "F555W"))
    with pytest.raises(InvalidInput, match=r"mosaics: bands .*F555W.*those of the survey"):
        Scenes(survey, prior, renderer, mosaics=[other])
