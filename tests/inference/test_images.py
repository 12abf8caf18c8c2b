from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clustercnn.inference import depth_warnings
from clustercnn.physics import Survey

SURVEY = Survey.load("m83")
TRAINED = np.array([band.exposure for band in SURVEY.bands])


def warnings_of(factors, **config):
    artefact = SimpleNamespace(metadata={"survey": SURVEY.to_dict(), "config": {"scene": config}})
    mosaic = SimpleNamespace(bands=SURVEY.band_names, exposures=TRAINED * factors)
    return depth_warnings(SimpleNamespace(artefact=artefact), mosaic)


def test_images_as_trained_for_are_taken_in_silence():
    assert warnings_of(np.array([1.0, 1.4, 0.7]), kind="synthetic") == []


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_other_depths_are_named(factor):
    (line,) = warnings_of(np.array([1.0, factor, 1.0]), kind="synthetic")
    assert line.startswith(f"images.F438W: exposure {1880 * factor:g} s; the model was trained for 1880 s")


def test_networks_of_observed_mosaics_are_not_second_guessed():
    assert warnings_of(np.full(3, 5.0), kind="fits") == []
