from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from clustercnn.detect import detect
from clustercnn.errors import ClusterCNNError
from clustercnn.inference import flag_bit
from clustercnn.inference.options import model_as_path


@pytest.fixture
def config(inputs, options, tmp_path):
    # an untrained network sees clusters anywhere, as likely as the prior says
    search = {"stride": 16, "threshold": 1e-5, "separation": 20.0, "refine": 1}
    files = {"out": str(tmp_path / "c.ecsv"), "map": str(tmp_path / "m.fits")}
    return options("detect", model=inputs.model, images=inputs.images, search=search, **files)


def test_candidates_and_map(config, tmp_path):
    detect(config)
    table = Table.read(tmp_path / "c.ecsv")
    assert len(table) >= 1
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert (np.diff(table["presence"]) <= 1e-6).all()
    assert table.meta["prior"] == {"presence": 0.001}
    assert table["presence"].max() < 0.01
    apart = np.hypot(*(np.subtract.outer(table[c], table[c]) for c in "xy")) + 1e3 * np.eye(len(table))
    assert apart.min() > 20.0
    with fits.open(tmp_path / "m.fits") as hdus:
        assert hdus[0].data.shape == (5, 7)
        scale = WCS(hdus[0].header).proj_plane_pixel_scales()[1].to_value("arcsec")
    assert scale == pytest.approx(16 * 0.04)


def test_outskirts_of_others_are_flagged(config, tmp_path, capsys):
    # under this prior the median radii of an untrained network are 5 pixels and more, and candidates 8 and more apart
    prior = {**config["prior"], "size_slope": 1.0}
    detect(config | {"prior": prior, "search": {**config["search"], "stride": 4, "separation": 0.0, "refine": 0}})
    table = Table.read(tmp_path / "c.ecsv")
    part = (np.asarray(table["flags"]) & flag_bit("PART_OF_ANOTHER")) != 0
    radius = 1.5 * 10 ** np.asarray(table["log_rh"]) / 0.04
    apart = np.hypot(*(np.subtract.outer(table[c], table[c]) for c in "xy"))
    smaller = np.less.outer(table["log_rh"], table["log_rh"]).T
    assert np.array_equal(part, ((apart <= radius[:, None]) & smaller).any(axis=1))
    assert 0 < part.sum() < len(table)
    assert f"; {part.sum()} of them are likely the outskirts of others" in capsys.readouterr().out


def test_no_candidates_is_an_empty_table(config, tmp_path):
    detect(
        config
        | {
            "search": {**config["search"], "threshold": 0.999999},
            "map": None,
            "redraws": 40,
            "figure": str(tmp_path / "f.png"),
        }
    )
    table = Table.read(tmp_path / "c.ecsv")
    assert len(table) == 0
    assert {"log_rh_q84", "ppp"} <= set(table.colnames)
    assert not (tmp_path / "m.fits").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {"stride": 0}}, "search.stride: 0; 1 pixel or more"),
        ({"search": {"stride": 1000}}, "search.stride: 1000; up to a stamp of 32 pixels is allowed"),
        ({"search": {"separation": float("nan")}}, "search.separation: nan; 0 pixels or more"),
        ({"seed": 2**63}, "seed: 9223372036854775808; less than 2\\^63 is allowed"),
        ({"device": None}, "device: None; auto, cpu, cuda"),
        ({"device": "mps"}, "device: 'mps'; auto, cpu, cuda"),
        ({"search": {"stride": None}}, "search.stride: None is not a whole number"),
        ({"map": "m.png"}, "map: 'm.png' ends in '.png'; .fits is allowed"),
        ({"map": "m.fits", "out": "m.fits"}, "map: 'm.fits' is the name of the table, out, too"),
        ({"images": {"F336W": "a.fits"}}, "images: F336W given, but the model .* reads F336W, F438W, F814W"),
        ({"redraws": 39}, "redraws: 39; 0, or at least 40, is allowed"),
        ({"out": None}, "out: missing"),
    ],
)
def test_bad_options(config, tmp_path, changes, message):
    with pytest.raises(ClusterCNNError, match=message):
        detect(config | changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["infer", "detect", "evaluate"])
def test_configurations_compose(command, options):
    folder = str(files("clustercnn") / "conf")
    with initialize_config_dir(folder, version_base="1.3"):
        composed = OmegaConf.to_container(compose(command, ["model.path=model.ts"]))
    expected = options(command, model="model.ts")
    assert composed | {"device": "cpu"} == expected
    assert model_as_path(["model=a.ts", "images.F336W=b", "-m"]) == ["model.path=a.ts", "images.F336W=b", "-m"]
