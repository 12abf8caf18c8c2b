from __future__ import annotations

import pytest

from clustercnn.errors import InvalidInput
from clustercnn.model import ModelSettings, read_settings


def test_reads_yaml_values():
    given = {"stem": 8, "widths": [4, 8], "depths": [1, 1], "strides": [1, 2], "name": "x"}
    settings = read_settings(ModelSettings, given, where="model")
    assert (settings.stem, settings.widths, settings.name, settings.bins) == (8, (4, 8), "x", 32)
    assert read_settings(ModelSettings, settings.to_dict(), where="model") == settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stm": 8}, r"model\.stm: no such setting; nearest: stem"),
        ({"stem": "many"}, r"model\.stem: 'many' is not a whole number"),
        ({"stem": True}, r"model\.stem: True is not a whole number"),
        ({"stem": 1.5}, r"model\.stem: 1\.5 is not a whole number"),
        ({"stem": 0}, r"model\.stem: values of at least 1"),
        ({"widths": 8}, r"model\.widths: 8 is not a list"),
        ({"widths": [8]}, "lists of one length"),
        ({"bins": 10}, r"model\.bins: 10; at least 24"),
        ({"strides": [2, 2, 2, 3]}, r"model\.strides"),
        ({"name": 3}, r"model\.name: 3 is not a text"),
    ],
)
def test_mistakes_are_named(given, message):
    with pytest.raises(InvalidInput, match=message):
        read_settings(ModelSettings, given, where="model")
