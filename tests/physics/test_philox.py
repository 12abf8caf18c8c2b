from __future__ import annotations

import numpy as np
import pytest

from clustercnn.physics.philox import random_words


@pytest.mark.parametrize("seed", [0, 7, 2**63 + 12345, 2**64 - 1])
@pytest.mark.parametrize("columns", [1, 4, 13])
def test_words_are_numpys(seed, columns):
    numbers = np.array([0, 1, 5, 2**40, 2**63 - 1])
    found = random_words(seed, 0x707366, numbers, columns=columns)
    for row, number in zip(found, numbers.tolist(), strict=True):
        stream = np.random.Philox(key=seed, counter=[0, 0, number, 0x707366])
        np.testing.assert_array_equal(row, stream.random_raw(columns))


def test_no_number_gives_no_row():
    assert random_words(1, 2, np.empty(0, int), columns=3).shape == (0, 3)
