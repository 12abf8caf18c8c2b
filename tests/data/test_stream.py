from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from clustercnn.data import SceneStream, held_out_batch
from clustercnn.errors import InvalidInput


def take(stream, n):
    with stream:
        return [next(stream).images.clone() for _ in range(n)]


def alive():
    return [t for t in threading.enumerate() if t.name.startswith("scenes-")]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_order_and_content_do_not_depend_on_threads(fake, threads):
    scenes = fake.FakeScenes(size=8)
    found = take(SceneStream(scenes, 5, seed=9, threads=threads), 6)
    for step, images in enumerate(found):
        assert np.array_equal(images.numpy(), scenes.batch(5 * step, 5, seed=9).images)
    assert alive() == []


def test_resume_and_shards_are_slices_of_the_same_run(fake):
    scenes = fake.FakeScenes(size=8)
    whole = torch.cat(take(SceneStream(scenes, 6, seed=1), 4))
    assert torch.equal(torch.cat(take(SceneStream(scenes, 6, seed=1, start=2, threads=2), 2)), whole[12:])
    ranks = [take(SceneStream(scenes, 3, seed=1, shard=(3 * r, 6)), 4) for r in range(2)]
    assert torch.equal(torch.cat([torch.cat(pair) for pair in zip(*ranks, strict=True)]), whole)


def test_buffers_are_used_again(fake):
    with SceneStream(fake.FakeScenes(size=8), 4, seed=1, threads=2, prefetch=2) as stream:
        addresses = {next(stream).images.data_ptr() for _ in range(20)}
    assert len(addresses) <= 4


def test_lent_batch_is_not_overwritten(fake):
    with SceneStream(fake.FakeScenes(size=8), 4, seed=1, threads=2, prefetch=1) as stream:
        for _ in range(5):
            batch = next(stream)
            before = batch.images.clone()
            time.sleep(0.02)  # the threads have drawn all they may by now
            assert torch.equal(batch.images, before)


def test_error_of_a_thread_arrives_at_once(fake):
    begin = time.monotonic()
    stream = SceneStream(fake.FakeScenes(size=8, fail_at=12), 4, seed=1, threads=2)
    with pytest.raises(RuntimeError, match="scene 12 cannot be drawn"):
        take(stream, 10)
    # no hanging thread, no waiting for a time-out
    assert time.monotonic() - begin < 5
    assert alive() == []


def test_waiting_is_measured(fake):
    class Slow(fake.FakeScenes):
        def batch(self, *args, **kwargs):
            time.sleep(0.05)
            return super().batch(*args, **kwargs)

    with SceneStream(Slow(size=8), 2, seed=1) as stream:
        for _ in range(4):
            next(stream)
        # four batches of at least 50 ms each, one thread, nobody else to use the time
        assert stream.waited >= 0.15
        time.sleep(0.5)
        before = stream.waited
        next(stream)
        assert stream.waited - before < 0.04  # it was ready


def test_abandoned_stream_ends(fake):
    stream = SceneStream(fake.FakeScenes(size=8), 4, seed=1, threads=3)
    stream.close()
    assert alive() == []
    with pytest.raises(StopIteration):
        next(stream)


def test_bad_counts(fake):
    with pytest.raises(InvalidInput, match="threads=0"):
        SceneStream(fake.FakeScenes(), 4, seed=1, threads=0)


def test_validation_is_fixed_and_held_out(fake):
    scenes = fake.FakeScenes(size=8)
    first, again = (held_out_batch(scenes, 8, seed=1) for _ in range(2))
    assert torch.equal(first.images, again.images)
    training = torch.cat(take(SceneStream(scenes, 8, seed=1), 3))
    assert not (first.images[:, None] == training[None]).all(dim=(2, 3, 4)).any()
