from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from clustercnn import Survey
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
        ({"present_fraction": 1.5}, "scene.present_fraction: 1.5; 0 to 1 is allowed"),
        ({"tolerance": 1.0}, "scene.tolerance: 1.0; 1e-6 to 1e-2 is allowed"),
        ({"field": {"old_fraction": 2.0}}, "scene.field.old_fraction: 2.0; 0 to 1"),
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


def test_scenes_of_the_users_own_isochrones(prior, shared_data):
    """Clusters, disc and confusers are of the file's ages alone; a prior that asks for others is refused."""
    given = Survey.load("m83").to_dict()
    band = given["bands"]["F814W"] | {"zero_point": 25.0}
    given |= {
        "metallicity": [0.03, 0.03],
        "bands": {name: band | {"filter": f"Bessell_{name}"} for name in "VI"},
        "isochrones": {
            "path": str(shared_data / "samples" / "parsec_cmd33_ubvrijhk_z0.0300.dat"),
            "columns": {"Bessell_V": "Vmag", "Bessell_I": "Imag"},
        },
    }
    survey = Survey.from_dict(given)
    chosen = {**options("synthetic"), "confuser_fraction": 1.0, "fields": 1, "field_size": 96}
    with pytest.raises(InvalidInput, match=r"prior: log_age: \[6.6, 10.1\] is outside the stellar table; 7 to 10"):
        make_scenes(chosen, survey, prior, size=32, seed=3)
    inside = replace(prior, log_age=(7.0, 10.0), metallicity=(0.03, 0.03))
    batch = make_scenes(chosen, survey, inside, size=32, seed=3).batch(0, 8, seed=1)
    assert np.isfinite(batch.images).all()
    assert batch.present.sum() not in (0, 8)
