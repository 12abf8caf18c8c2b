"""Seeds of the streams of a run, kept apart from each other and from whatever a user's own seed draws."""

from __future__ import annotations

import numpy as np

from clustercnn.errors import InvalidInput

__all__ = ["stream_seed"]

_STREAMS = {"train": 1, "validation": 2, "recalibration": 3}


def stream_seed(seed: int, stream: str) -> int:
    """The seed, 0 <= seed < 2**63, from which the scenes of one stream of a run are drawn.

    Hashed, so that no scene of ``evaluate seed=1`` was ever a training scene of ``train seed=1``.

    Args:
        seed: the run's seed, 0 <= seed < 2**63.
        stream: "train", "validation" or "recalibration".

    Raises:
        InvalidInput: an unknown stream or a seed outside its range.
    """
    if stream not in _STREAMS:
        raise InvalidInput(f"stream: {stream!r}; {', '.join(_STREAMS)} are allowed")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise InvalidInput(f"seed: {seed!r}; a whole number from 0 to 2^63 - 1 is allowed")
    state = np.random.SeedSequence([int(seed), _STREAMS[stream]]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
