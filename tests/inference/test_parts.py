from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.inference import flag_bit, part_flags

PART = flag_bit("PART_OF_ANOTHER")


def test_the_larger_of_two_is_part_of_the_smaller_one():
    # 10 pixels apart: 1.5 radii of 6.7 reach that far, of 6.6 they do not
    x, y = np.array([0.0, 10.0]), np.zeros(2)
    assert part_flags(x, y, np.array([1.0, 6.7])).tolist() == [0, PART]
    assert part_flags(x, y, np.array([6.7, 1.0])).tolist() == [PART, 0]
    assert part_flags(x, y, np.array([1.0, 6.6])).tolist() == [0, 0]
    assert part_flags(x, y, np.array([8.0, 9.0])).tolist() == [0, PART]


def test_equal_and_unknown_radii_flag_nothing():
    x, y = np.array([0.0, 1.0, 2.0]), np.zeros(3)
    assert part_flags(x, y, np.array([5.0, 5.0, np.nan])).tolist() == [0, 0, 0]
    assert part_flags(x, y, np.array([4.0, np.nan, 5.0])).tolist() == [0, 0, PART]
    assert part_flags(x, y, np.full(3, np.nan)).tolist() == [0, 0, 0]
    assert len(part_flags(np.zeros(0), np.zeros(0), np.zeros(0))) == 0


def test_lengths_must_agree():
    with pytest.raises(InvalidInput, match="x, y, radius: 2, 2 and 3 values; equally many"):
        part_flags(np.zeros(2), np.zeros(2), np.ones(3))
