"""What a row of a result table warns about: each flag's name, bit and sentence, defined once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clustercnn.errors import InvalidInput

__all__ = ["FLAGS", "Flag", "flag_bit", "flag_names"]


@dataclass(frozen=True)
class Flag:
    """One bit of the column ``flags``: its name, its value as an integer, and what it says."""

    name: str
    bit: int
    sentence: str


FLAGS = (
    Flag("NO_POSITION", 1, "the catalogue gives no finite position; the row holds no values"),
    Flag("OUTSIDE_IMAGE", 2, "the position lies outside the image; the row holds no values"),
    Flag("EDGE", 4, "the stamp reaches over the edge of the image; the missing part was filled as invalid pixels are"),
    Flag("INVALID_PIXELS", 8, "invalid pixels in the stamp were filled with the median of its valid pixels, per band"),
    Flag("UNUSABLE", 16, "fewer than half of the stamp's pixels are valid; the row holds no values"),
    Flag("INVALID_CENTRE", 32, "an invalid pixel lies within 3 pixels of the position"),
    Flag("LOW_SNR", 64, "the predicted S/N is below 5"),
    Flag("LOW_PRESENCE", 128, "the probability that a cluster is there is below 0.5"),
    Flag("NEAR_PRIOR_EDGE", 256, "the 16 or 84 % point of a label lies within 2 % of the end of its prior range"),
    Flag("FEW_DRAWS", 512, "weighting to another prior left fewer than 100 effective draws; raise draws"),
    Flag(
        "UNLIKE_REDRAWS", 1024, "ppp is below 0.05: clusters drawn again from the posterior do not look like the image"
    ),
    Flag("PART_OF_ANOTHER", 2048, "within 1.5 half-light radii lies a smaller candidate, whose outskirts this may be"),
)
_BITS = {flag.name: flag.bit for flag in FLAGS}


def flag_bit(name: str) -> int:
    """The integer of one flag.

    Raises:
        InvalidInput: there is no flag of that name.
    """
    if name not in _BITS:
        raise InvalidInput(f"flag {name!r}: not one of {', '.join(_BITS)}")
    return _BITS[name]


def flag_names(value: int) -> tuple[str, ...]:
    """The names of all flags set in ``value``, lowest bit first."""
    return tuple(flag.name for flag in FLAGS if np.int64(value) & flag.bit)
