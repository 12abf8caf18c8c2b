from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.inference import FLAGS, cut_stamps, flag_bit, flag_names


def ramp():
    """[band, y, x] whose values name their pixel: 1000 band + 100 y + x."""
    y, x = np.mgrid[0:60, 0:80]
    return np.stack([100.0 * y + x, 100.0 * y + x + 1e5]).astype(np.float32)


def cut(x, y, size=16, data=None, valid=None):
    data = ramp() if data is None else data
    valid = np.ones(data.shape[1:], bool) if valid is None else valid
    return cut_stamps(data, valid, np.atleast_1d(np.float64(x)), np.atleast_1d(np.float64(y)), size=size)


@pytest.mark.parametrize(
    ("size", "x", "corner"),
    [(16, 30.5, 23), (16, 30.9, 23), (16, 31.1, 24), (15, 30.0, 23), (15, 30.4, 23), (15, 30.6, 24)],
)
def test_the_middle_lies_within_half_a_pixel(size, x, corner):
    stamps, flags = cut(x, 20.0, size=size)
    assert flags[0] == 0
    assert stamps[0, 0, 0, 0] % 100 == corner
    assert abs(corner + (size - 1) / 2 - x) <= 0.5
    np.testing.assert_array_equal(stamps[0, 0, 0], stamps[0, 0, 0, 0] + np.arange(size))
    np.testing.assert_array_equal(stamps[0, 1] - stamps[0, 0], 1e5)


def test_edges_are_padded_with_the_median():
    stamps, flags = cut(4.0, 30.0)
    assert flag_names(flags[0]) == ("EDGE",)
    x0 = -3
    inside = stamps[0, 0, :, -x0:]
    np.testing.assert_array_equal(stamps[0, 0, :, :-x0], np.median(inside))


def test_a_corner_leaves_too_little():
    stamps, flags = cut(0.0, 0.0)
    assert flag_names(flags[0]) == ("EDGE", "UNUSABLE")
    assert not stamps.any()


@pytest.mark.parametrize(
    ("x", "y"), [(-0.6, 5), (79.6, 5), (5, -0.6), (5, 59.6), (1e9, 1e9), (-np.inf, 3), (np.nan, 1)]
)
def test_positions_off_the_image(x, y):
    _, flags = cut(x, y)
    assert flag_names(flags[0]) == (("OUTSIDE_IMAGE",) if np.isfinite(x) else ("NO_POSITION",))


def test_invalid_pixels_are_filled_and_flagged():
    data, valid = np.ones((2, 60, 80), np.float32), np.ones((60, 80), bool)
    data[1] = 3.0
    data[0, 20, 20] = np.nan  # one band only
    valid[24, 25] = False
    data[:, 24, 25] = 99.0
    stamps, flags = cut([22.0, 20.0, 60.0], [22.0, 20.0, 30.0], data=data, valid=valid)
    assert [flag_names(f) for f in flags] == [
        ("INVALID_PIXELS", "INVALID_CENTRE"),
        ("INVALID_PIXELS", "INVALID_CENTRE"),
        (),
    ]
    assert (stamps[:, 0] == 1.0).all()
    assert (stamps[:, 1] == 3.0).all()
    _, far = cut(27.0, 27.0, data=data, valid=valid)
    assert flag_names(far[0]) == ("INVALID_PIXELS",)  # (25, 24) is 3.6 pixels away


def test_mostly_invalid_stamps_have_no_values():
    valid = np.ones((60, 80), bool)
    valid[:, :40] = False
    _, flags = cut([36.0, 44.0], [30.0, 30.0], valid=valid)
    assert flag_names(flags[0]) == ("UNUSABLE",)
    assert flag_names(flags[1]) == ("INVALID_PIXELS",)


def test_flags_are_distinct_bits():
    bits = [flag.bit for flag in FLAGS]
    assert len(set(bits)) == len(bits)
    assert all(bit & (bit - 1) == 0 for bit in bits)
    assert flag_names(sum(bits)) == tuple(flag.name for flag in FLAGS)
    with pytest.raises(InvalidInput, match="flag 'BRIGHT': not one of NO_POSITION"):
        flag_bit("BRIGHT")
