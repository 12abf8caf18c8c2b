from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from clustercnn.errors import InvalidInput
from clustercnn.evaluation import auc, bias, completeness_at, coverage, infer_held_out, metrics, paper_range, scatter
from clustercnn.evaluation.metrics import threshold_at
from clustercnn.labels import LABEL_NAMES

N = 4000


@pytest.fixture(scope="module")
def held(toy):
    return infer_held_out(toy.predictor(), toy.scenes, n=N, seed=1)


def test_exact_posteriors_are_judged_exact(held, toy):
    found = metrics(held, prior_entropy=2.5, data_wait=0.1)
    n = int(held.present.sum())
    for k, name in enumerate(LABEL_NAMES):
        part = found["parameters"][name]
        # four standard errors: of a median, 1.2533 sigma / sqrt(n); of a MAD scatter, 1.17 / sqrt(n); of a
        # share, sqrt(p q / n). The median of 199 draws adds 1.2533^2 / 199 = 0.8 % to the variance, 0.4 % to the
        # scatter
        assert abs(part["bias"]) < 4 * 1.2533 * toy.sigma[k] / np.sqrt(n)
        assert part["scatter"] == pytest.approx(toy.sigma[k], rel=4 * 1.17 / np.sqrt(n) + 0.004)
        assert part["coverage_68"] == pytest.approx(0.6827, abs=4 * np.sqrt(0.6827 * 0.3173 / n) + 1 / 200)
        assert part["coverage_95"] == pytest.approx(0.9545, abs=4 * np.sqrt(0.9545 * 0.0455 / n) + 1 / 200)
    # -log q of an exact Gaussian: 4/2 + sum log(sigma sqrt(2 pi)); chi^2/2 of 4 numbers has the variance 2
    expected = 2 + np.log(toy.sigma * np.sqrt(2 * np.pi)).sum()
    assert found["nll"] == pytest.approx(expected, abs=4 * np.sqrt(2 / n))
    assert found["nll_gain"] == pytest.approx(2.5 - found["nll"])
    # presence and absence are Gaussians one apart, each of sigma 0.4: AUC = Phi(1 / (0.4 sqrt 2)); its standard error
    # is below sqrt(A (1 - A) / min(n, m))
    area = norm.cdf(1 / (0.4 * np.sqrt(2)))
    assert found["presence"]["auc"] == pytest.approx(area, abs=4 * np.sqrt(area * (1 - area) / (N - n)))
    assert abs(found["log_snr"]["bias"]) < 4 * 1.2533 * 0.1 / np.sqrt(n)
    assert found["log_snr"]["scatter"] == pytest.approx(0.1, rel=4 * 1.17 / np.sqrt(n))
    assert found["data_wait"] == 0.1
    assert found["n"] == N


def test_keys(held):
    found = metrics(held, prior_entropy=2.5)
    inner = ["n", "nll", "prior_entropy", "nll_gain", "parameters", "presence", "log_snr"]
    assert list(found) == [*inner, "paper_range", "data_wait"]
    assert list(found["paper_range"]) == inner
    assert list(found["parameters"]) == list(LABEL_NAMES)
    assert list(found["parameters"]["a_v"]) == ["bias", "scatter", "coverage_68", "coverage_95"]
    assert list(found["presence"]) == ["auc", "completeness_at_fpr_0.01", "auc_snr10"]
    assert list(found["log_snr"]) == ["bias", "scatter"]
    assert found["paper_range"]["n"] < found["n"]


@pytest.mark.parametrize(("stretch", "shift"), [(0.5, 0.0), (2.0, 0.0), (1.0, 1.0)])
def test_wrong_posteriors_are_found_out(toy, stretch, shift):
    found = metrics(infer_held_out(toy.predictor(stretch, shift), toy.scenes, n=1500, seed=2), prior_entropy=0.0)
    n = 800  # at least so many of the 1500 are present
    part = found["parameters"]["log_age"]
    # the truth is Gaussian about centre - shift, judged with a Gaussian of width stretch
    expected = norm.cdf(stretch - shift) - norm.cdf(-stretch - shift)
    assert part["coverage_68"] == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n) + 1 / 200)
    assert part["bias"] == pytest.approx(shift * toy.sigma[0], abs=4 * 1.2533 * toy.sigma[0] / np.sqrt(n))


def test_held_out_mocks_do_not_depend_on_the_batch(toy):
    small = toy.predictor()
    small.batch = 7
    one = infer_held_out(small, toy.scenes, n=40, seed=3)
    two = infer_held_out(toy.predictor(), toy.scenes, n=40, seed=3)
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.posterior.log_prob, two.posterior.log_prob)
    np.testing.assert_array_equal(one.examples.images, two.examples.images)
    assert one.posterior.samples is None


def test_simple_numbers():
    residual = np.array([-1.0, 0.0, 1.0, 2.0, np.nan])
    assert bias(residual) == 0.5
    assert scatter(residual) == pytest.approx(1.4826)
    assert coverage(np.array([0.5, 0.1, 0.9, np.nan]), 0.5) == pytest.approx(1 / 3)
    assert bias(np.array([np.nan])) is None
    assert scatter(np.array([])) is None
    assert coverage(np.array([np.nan]), 0.5) is None


def test_ranking():
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0
    assert auc(np.array([1.0, 2.0]), np.array([3.0])) == 0.0
    assert auc(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.5  # ties count half
    assert auc(np.array([2.0, 5.0, 1.0]), np.array([3.0, 0.0])) == pytest.approx(4 / 6)
    assert auc(np.array([]), np.array([1.0])) is None
    background = np.arange(200.0)
    assert threshold_at(background, 0.01) == 197.0  # 198 and 199 pass: 1 %
    assert threshold_at(background, 0.0) == 199.0
    assert completeness_at(np.array([197.0, 198.0, 500.0]), background, 0.01) == pytest.approx(2 / 3)
    assert completeness_at(np.array([]), background, 0.01) is None
    with pytest.raises(InvalidInput, match="0 negatives"):
        threshold_at(np.array([]), 0.1)


def test_range_of_the_paper():
    labels = np.array(
        [
            [7.0, 4.0, 1.0, -1.0],
            [8.1, 4.0, 1.0, -1.0],
            [7.0, 5.6, 1.0, -1.0],
            [7.0, 4.0, 3.1, -1.0],
            [7.0, 4.0, 1.0, -0.3],
            [np.nan] * 4,
        ]
    )
    assert paper_range(labels).tolist() == [True, False, False, False, False, False]


def some_of(held, rows):
    parts = (held.present, held.labels, held.log_snr, held.posterior, held.joint_rank, held.modes)
    return type(held)(*(part[rows] for part in parts), held.examples)


def test_a_set_without_clusters_or_without_empty_stamps(toy):
    held = infer_held_out(toy.predictor(), toy.scenes, n=30, seed=4)
    rows = held.present < 0.5
    nothing = some_of(held, rows)
    found = metrics(nothing, prior_entropy=1.0)
    assert (found["nll"], found["nll_gain"], found["presence"]["auc"]) == (None, None, None)
    only = some_of(held, ~rows)
    assert metrics(only, prior_entropy=1.0)["presence"]["auc"] is None


def test_masses_off_the_posterior_are_left_out_of_nll(toy):
    held = infer_held_out(toy.predictor(), toy.scenes, n=60, seed=5)
    before = metrics(held, prior_entropy=1.0)["nll"]
    n = int(held.present.sum())
    row = np.flatnonzero(held.present)[0]
    left = (n * before + held.posterior.log_prob[row]) / (n - 1)
    held.posterior.log_prob[row] = -np.inf
    assert metrics(held, prior_entropy=1.0)["nll"] == pytest.approx(left, rel=1e-5)


def test_scenes_must_fit_the_model(toy):
    other = toy.predictor()
    other.bands = ("A",)
    with pytest.raises(InvalidInput, match="scenes: bands A, B, C at 16 pixels; the model reads A at 16 pixels"):
        infer_held_out(other, toy.scenes, n=5, seed=0)
    with pytest.raises(InvalidInput, match="n: 0; 1 or more"):
        infer_held_out(toy.predictor(), toy.scenes, n=0, seed=0)
