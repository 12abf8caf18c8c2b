from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from clustercnn.errors import InvalidInput
from clustercnn.evaluation import evaluate_artefact, write_metrics
from clustercnn.evaluation.plots_degeneracy import density_levels
from clustercnn.evaluation.plots_stamps import colour_picture, plot_stamps

FIGURES = ["calibration", "calibration_thirds", "corner_1", "corner_2", "corner_3", "degeneracies", "errors", "maps"]
FIGURES += ["presence", "stamps", "true_vs_inferred"]


def test_a_folder_of_results(toy, tmp_path):
    done = []
    found = evaluate_artefact(toy.predictor(), toy.scenes, n=300, seed=1, out=tmp_path / "new", progress=done.append)
    assert json.loads((tmp_path / "new/metrics.json").read_text()) == found
    assert sorted(p.stem for p in (tmp_path / "new/figures").iterdir()) == FIGURES
    for path in (tmp_path / "new/figures").iterdir():
        pixels = np.asarray(Image.open(path).convert("L"))
        assert min(pixels.shape) > 600
        assert (pixels < 128).mean() > 0.003  # something is drawn
    assert sum(done) == 300


def test_one_mock_is_enough_to_draw(toy, tmp_path):
    evaluate_artefact(toy.predictor(), toy.scenes, n=1, seed=11, out=tmp_path)
    assert (tmp_path / "metrics.json").is_file()


def test_figures_can_be_left_out(toy, tmp_path):
    evaluate_artefact(toy.predictor(), toy.scenes, n=20, seed=1, out=tmp_path, figures=False)
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]


def test_the_same_seed_gives_the_same_numbers(toy, tmp_path):
    one, two = (
        evaluate_artefact(toy.predictor(), toy.scenes, n=50, seed=s, out=tmp_path, figures=False) for s in (4, 4)
    )
    assert one == two


def test_a_file_in_the_way(toy, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InvalidInput, match="is a file; a folder is expected"):
        evaluate_artefact(toy.predictor(), toy.scenes, n=20, seed=1, out=tmp_path / "out")


def test_numbers_that_json_has_no_word_for(tmp_path):
    write_metrics({"a": {"b": float("nan"), "c": float("inf")}, "d": 1.5, "e": None}, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": {"b": None, "c": None}, "d": 1.5, "e": None}


def test_levels_hold_their_share():
    x = np.linspace(-5, 5, 201)
    density = np.exp(-0.5 * (x**2 + x[:, None] ** 2))
    high, middle, low = density_levels(density, (0.39, 0.68, 0.95))
    # a two-dimensional Gaussian holds 1 - exp(-r^2 / 2) inside r, where its height is exp(-r^2 / 2); a grid step of
    # 0.05 moves a level by less than r dr exp(...) = 0.03
    np.testing.assert_allclose([high, middle, low], [0.61, 0.32, 0.05], atol=0.03)


def test_colours_follow_the_bands():
    y, x = np.mgrid[0:32, 0:32]
    blob = np.exp(-0.5 * ((x - 15.5) ** 2 + (y - 15.5) ** 2) / 9)
    noise = 0.01 * np.random.default_rng(0).standard_normal((3, 32, 32))
    picture = colour_picture(np.stack([0.1 * blob, 0.3 * blob, blob]) + noise)  # brightest in the reddest band
    assert picture.shape == (32, 32, 3)
    assert picture.min() >= 0.0
    assert picture.max() <= 1.0
    red, green, blue = picture[15, 15]
    assert red > green > blue
    assert colour_picture(np.zeros((2, 8, 8))).max() <= 1.0  # constant images have no noise to scale by


@pytest.mark.parametrize("bands", [("A",), ("A", "B"), ("A", "B", "C", "D", "E")])
def test_stamps_of_any_number_of_bands(tmp_path, bands):
    images = np.random.default_rng(0).standard_normal((2, len(bands), 20, 20))
    labels = np.array([[9.2, 4.0, 0.3, -1.0], [np.nan] * 4])
    plot_stamps(images, labels, tmp_path / "s.png", bands=bands, pixel_scale=0.04)
    assert (tmp_path / "s.png").stat().st_size > 5000
