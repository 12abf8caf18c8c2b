"""The order of work between the painter's and the optimiser's streams, on a stand-in for a GPU."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from clustercnn.data import DeviceStream
from clustercnn.physics import Prior, Survey
from clustercnn.render import Renderer
from clustercnn.render.cuda import probe
from clustercnn.scene import DeviceScenes, Scenes, synthetic_field

CPU = torch.device("cpu")  # where the stand-in's memory is


class Painting:
    """``DeviceScenes`` that paints nothing, but knows what was last done with each buffer, and on which stream."""

    bands, size = ("a", "b"), 8

    def __init__(self, cupy, delay=0.0):
        self.arrays, self.device, self.delay = cupy, cupy.cuda.Device(), delay
        self.read, self.painted, self.races = {}, {}, []

    def batch(self, first, n, *, seed, out):
        time.sleep(self.delay)
        stream, buffer = self.arrays.cuda.get_current_stream(), out.images.data.ptr
        if buffer in self.read and not stream.comes_after(self.read[buffer]):
            self.races.append(f"scene {first} is painted over what is being read")
        self.painted[buffer] = stream.work()
        out.labels.set(np.full((n, 4), first, np.float32))
        return out

    def use(self, batch, stream):
        """What a training step does."""
        buffer = batch.images.data_ptr()
        if not stream.comes_after(self.painted[buffer]):
            self.races.append(f"scene {batch.labels[0, 0]:.0f} is read before it is painted")
        self.read[buffer] = stream.work()


@pytest.fixture
def cupy(new_cupy):
    return new_cupy()


@pytest.mark.parametrize("threads", [1, 2])
def test_buffers_are_neither_read_too_early_nor_painted_too_early(cupy, threads):
    scenes, reader = Painting(cupy), cupy.cuda.Stream()
    with DeviceStream(scenes, 4, device=CPU, seed=1, start=3, threads=threads, reader=reader) as stream:
        for step in range(3, 23):
            batch = next(stream)
            assert (batch.labels == 4 * step).all()
            scenes.use(batch, reader)
    assert scenes.races == []
    assert len(scenes.painted) <= 2 + threads
    painters = {stream for stream, _ in scenes.painted.values()}
    assert len(painters) == 1
    assert id(reader) not in painters


@pytest.mark.parametrize("forgotten", ["_lend", "_take_back"])
def test_a_missing_event_is_noticed(cupy, monkeypatch, forgotten):
    """The test above can fail: without either event it does."""
    without = {"_lend": lambda self, scenes: scenes.batch, "_take_back": lambda self, scenes: None}
    monkeypatch.setattr(DeviceStream, forgotten, without[forgotten])
    scenes, reader = Painting(cupy), cupy.cuda.Stream()
    with DeviceStream(scenes, 4, device=CPU, seed=1, reader=reader) as stream:
        for _ in range(10):
            scenes.use(next(stream), reader)
    assert scenes.races


def test_waits_of_host_and_stream_are_measured(cupy):
    cupy.cuda.get_elapsed_time = lambda *_: 1e6  # ms
    with DeviceStream(Painting(cupy, delay=0.05), 2, device=CPU, seed=1, reader=cupy.cuda.Stream()) as stream:
        next(stream)
        assert 0.03 < stream.waited < 1e3
        next(stream)
        assert stream.waited >= 1e3


def test_errors_of_the_painter_arrive(cupy):
    scenes = Painting(cupy)
    scenes.batch = lambda *_, **__: 1 / 0
    with (
        DeviceStream(scenes, 2, device=CPU, seed=1, reader=cupy.cuda.Stream()) as stream,
        pytest.raises(ZeroDivisionError),
    ):
        next(stream)


@pytest.fixture(scope="module")
def scenes():
    survey = Survey.load("m83")
    renderer, field = Renderer(survey, size=16), synthetic_field(survey, 64, seed=1, threads=1)
    return Scenes(survey, Prior.load("m83"), renderer, mosaics=[field])


def test_batches_are_those_of_the_scenes(cupy, scenes, monkeypatch):
    """The real painter, into torch's memory."""
    monkeypatch.setattr(probe, "load_cupy", lambda: cupy)
    painter = DeviceScenes(scenes)
    expected = painter.batch(2, 2, seed=5)
    with DeviceStream(painter, 2, device=CPU, seed=5, start=1, reader=cupy.cuda.Stream()) as stream:
        batch = next(stream)
        for name in ("images", "present", "labels", "log_snr"):
            np.testing.assert_array_equal(getattr(batch, name).numpy(), getattr(expected, name).get())


@pytest.mark.cuda
def test_batches_on_a_gpu_are_read_in_time(scenes):
    """Forty batches, each read by a kernel of torch's right after it was asked for."""
    painter = DeviceScenes(scenes)
    with DeviceStream(painter, 32, device=torch.device("cuda", 0), seed=5) as stream:
        sums = [next(stream).images.double().sum(dim=(1, 2, 3)) for _ in range(40)]
    # sums of 12,288 numbers in double precision, in two orders: 12288 x 1e-16 at most; a race would mix whole images
    for step, found in enumerate(sums):
        expected = painter.batch(32 * step, 32, seed=5).images.get().astype(float).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(found.cpu().numpy(), expected, rtol=1e-9, atol=1e-9)
