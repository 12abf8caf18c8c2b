from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from clustercnn.errors import InvalidInput
from clustercnn.scene import FieldSettings, build_scenes, field_settings, make_scenes

CONF = Path(__file__).parents[2] / "conf"


def options(name: str) -> dict:
    return yaml.safe_load((CONF / "scene" / f"{name}.yaml").read_text())


def test_the_configuration_file_states_the_defaults():
    assert field_settings(options("synthetic")["field"]) == FieldSettings()
    assert set(options("synthetic")["field"]) == set(asdict(FieldSettings()))


def test_synthetic_scenes(survey, prior):
    config = {
        "survey": survey.to_dict(),
        "prior": prior.to_dict(),
        "scene": {**options("synthetic"), "fields": 2, "field_size": 96},
        "size": 32,
        "seed": 3,
    }
    scenes = build_scenes(config)
    assert scenes.bands == survey.band_names
    assert scenes.size == 32
    assert len(scenes.backgrounds.mosaics) == 2
    assert not scenes.backgrounds.noisy


def test_scenes_on_images(survey, prior, images):
    paths = {k: str(v) for k, v in images.all().items()}
    scenes = make_scenes({**options("fits"), "images": {**paths, "F555W": None}}, survey, prior, size=32, seed=3)
    assert scenes.backgrounds.noisy
    assert scenes.batch(0, 4, seed=1).images.shape == (4, 3, 32, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "real"}, r"scene.kind: 'real'; synthetic or fits is allowed"),
        ({"feilds": 2}, r"scene.feilds: unknown option .*; did you mean fields\?"),
        ({"fields": 0}, "scene.fields: 0; a whole number of at least 1"),
        ({"field_size": 48}, "scene.field_size: 48; a whole number of at least 64"),
        ({"field": {"a_w": [0, 1]}}, r"scene.field.a_w: unknown option .*; did you mean a_v\?"),
        ({"images": {}}, "scene.images: unknown option"),
    ],
)
def test_bad_options_are_refused(survey, prior, change, message):
    with pytest.raises(InvalidInput, match=message):
        make_scenes({**options("synthetic"), **change}, survey, prior, size=32, seed=3)


def test_missing_images_are_named(survey, prior):
    with pytest.raises(InvalidInput, match=r"scene\.images\.F336W: missing; survey m83 needs one image for each of"):
        make_scenes(options("fits"), survey, prior, size=32, seed=3)
