from __future__ import annotations

import pytest
import torch

from clustercnn.model.uniforms import philox_uniforms

CPU = torch.device("cpu")


def philox(counter, key):
    """Philox 4x32-10 in Python's unbounded integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_published_vector():
    # Random123's known answers, kat_vectors: philox4x32 10 rounds, counter and key of zeros
    words = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0] * 4, [0] * 2) == words
    expected = [((w >> 9) + 0.5) / 2**23 for w in words]
    assert philox_uniforms(0, 0, 1, 1, CPU)[0, 0].tolist() == expected


@pytest.mark.parametrize("seed", [1, 2**32 + 5, 2**63 - 1])
@pytest.mark.parametrize("first", [0, 2**32 - 2])
def test_any_seed_and_object(seed, first):
    found = philox_uniforms(seed, first, 4, 3, CPU)
    for i in range(4):
        for j in range(3):
            words = philox([j, (first + i) & 0xFFFFFFFF, (first + i) >> 32, 0], [seed & 0xFFFFFFFF, seed >> 32])
            assert found[i, j].tolist() == [((w >> 9) + 0.5) / 2**23 for w in words]


def test_batch_split_and_more_draws_change_nothing():
    whole = philox_uniforms(7, 10, 6, 5, CPU)
    assert torch.equal(whole, torch.cat([philox_uniforms(7, 10, 2, 5, CPU), philox_uniforms(7, 12, 4, 5, CPU)]))
    assert torch.equal(whole, philox_uniforms(7, 10, 6, 9, CPU)[:, :5])


def test_open_interval_and_mean():
    u = philox_uniforms(3, 0, 100, 1000, CPU)
    assert (u > 0).all()
    assert (u < 1).all()
    # 4e5 uniform numbers: the mean's standard error is 0.2887 / sqrt(4e5) = 4.6e-4; five of them
    assert u.mean().item() == pytest.approx(0.5, abs=2.3e-3)
