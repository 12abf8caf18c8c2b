from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.scene.counters import check_seed, generator, uniforms
from clustercnn.scene.crops import Backgrounds, CropTable, orient


def allowed_corners(valid: np.ndarray, size: int) -> set[tuple[int, int]]:
    """By looking at every place."""
    rows, columns = (n - size + 1 for n in valid.shape)
    return {(y, x) for y in range(rows) for x in range(columns) if valid[y : y + size, x : x + size].all()}


@pytest.mark.parametrize("seed", range(5))
def test_exactly_the_places_without_invalid_pixels_are_drawn(seed):
    rng = np.random.default_rng(seed)
    valid = rng.random((30, 41)) > 0.01
    table = CropTable(valid, size=7)
    expected = allowed_corners(valid, 7)
    assert table.count == len(expected)
    middles = (np.arange(table.count) + 0.5) / table.count  # one number for each place
    y, x = table.corners(middles)
    assert set(zip(y.tolist(), x.tolist(), strict=True)) == expected


def test_both_ends_of_the_unit_interval_are_places():
    table = CropTable(np.ones((9, 9), bool), size=9)
    y, x = table.corners(np.array([0.0, 1.0 - 2**-53]))
    assert y.tolist() == [0, 0]
    assert x.tolist() == [0, 0]


def test_no_room_is_an_error():
    with pytest.raises(InvalidInput, match="crop size 10: the mosaic has 12 x 9 pixels"):
        CropTable(np.ones((9, 12), bool), size=10)
    valid = np.ones((12, 12), bool)
    valid[6, 6] = False
    with pytest.raises(InvalidInput, match="no 8 x 8 pixel area without invalid pixels"):
        CropTable(valid, size=8)


def test_orientations_are_the_eight_of_a_square():
    image = np.arange(9).reshape(1, 3, 3)
    seen = {orient(image, code).tobytes() for code in range(8)}
    expected = {np.rot90(f, k, (1, 2)).tobytes() for f in (image, image[:, :, ::-1]) for k in range(4)}
    assert seen == expected
    assert orient(image, 0) is image


def test_crops_never_touch_a_hole(flat):
    rng = np.random.default_rng(1)
    valid = rng.random(flat.valid.shape) > 0.002
    data = np.where(valid, flat.data, np.nan).astype(np.float32)
    backgrounds = Backgrounds([replace(flat, data=data, valid=valid)], size=16)
    out = np.empty((500, 3, 16, 16), np.float32)
    backgrounds.cut(backgrounds.places(rng.random((500, 3))), out)
    assert np.isfinite(out).all()


def test_mosaics_of_two_kinds_are_refused(flat):
    with pytest.raises(InvalidInput, match="mosaics: of different bands, noise or exposures"):
        Backgrounds([flat, replace(flat, noisy=True)], size=16)
    with pytest.raises(InvalidInput, match="mosaics: none given"):
        Backgrounds([], size=16)


def test_random_numbers_belong_to_the_sample():
    whole = uniforms(7, "sample", first=0, n=50, k=5)
    np.testing.assert_array_equal(whole[20:30], uniforms(7, "sample", first=20, n=10, k=5))
    assert not np.isin(whole, uniforms(8, "sample", first=0, n=50, k=5)).any()
    assert not np.isin(whole, uniforms(7, "confuser", first=0, n=50, k=5)).any()
    assert generator(7, "confuser", 3).random() == generator(7, "confuser", 3).random()
    assert generator(7, "confuser", 3).random() != generator(7, "confuser", 4).random()
    # 250 uniform numbers: mean 0.5 +- 0.29 / sqrt(250) = 0.018; 5 sigma
    assert abs(whole.mean() - 0.5) < 0.092


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "1"])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InvalidInput, match=r"seed: .*an integer of 0 to 2\^63 - 1"):
        check_seed(seed)
