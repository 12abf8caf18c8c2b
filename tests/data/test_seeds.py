from __future__ import annotations

import pytest

from clustercnn.data import stream_seed
from clustercnn.errors import InvalidInput


def test_streams_are_apart_and_fixed():
    seeds = {stream_seed(s, name) for s in range(50) for name in ("train", "validation")}
    assert len(seeds) == 100
    assert all(0 <= s < 2**63 for s in seeds)
    assert not seeds & set(range(50))  # a user's own seed draws other scenes
    # written down once: a change would silently turn resumed runs into other runs
    assert stream_seed(1, "train") == 38901565946305238


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "1"])
def test_bad_seeds(seed):
    with pytest.raises(InvalidInput, match=r"seed: .* a whole number"):
        stream_seed(seed, "train")


def test_bad_stream():
    with pytest.raises(InvalidInput, match="stream: 'test'; train, validation"):
        stream_seed(1, "test")
