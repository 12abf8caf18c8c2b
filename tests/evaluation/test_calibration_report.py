"""Calibration and detection in numbers, for posteriors that are exact by construction and for wrong ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from clustercnn.evaluation import (
    HeldOut,
    brier_score,
    calibration,
    detection,
    expected_calibration_error,
    infer_held_out,
    judge,
    summary,
    tarp_ranks,
)
from clustercnn.evaluation.plots_maps import cell_map
from clustercnn.inference import Posterior
from clustercnn.labels import LABEL_NAMES

N = 4000


@pytest.fixture(scope="module")
def held(toy):
    return infer_held_out(toy.predictor(), toy.scenes, n=N, seed=1)


def judged(toy, **wrong):
    held = infer_held_out(toy.predictor(**wrong), toy.scenes, n=1500, seed=2)
    return calibration(held, held.present > 0.5)


def test_exact_posteriors_are_calibrated(held):
    found = calibration(held, held.present > 0.5)
    n = found["n"]
    assert found["chance"] == pytest.approx(1.358 / np.sqrt(n))
    # the Kolmogorov-Smirnov distance exceeds 1.95 / sqrt(n) once in a thousand times; ranks of 199 draws are steps of
    # half a percent
    limit = 1.95 / np.sqrt(n) + 0.005
    for part in [*found["parameters"].values(), found["joint"]]:
        assert part["off"] < limit
    for part in found["parameters"].values():
        assert part["sbc_p"] > 1e-3
        np.testing.assert_allclose(part["coverage"], found["levels"], atol=limit)
    assert found["joint"]["p"] > 1e-3


def exact(n=6000):
    """Labels with a Gaussian prior, images that tell them with errors of several sizes: the posterior is known."""
    rng = np.random.default_rng(5)
    labels, log_snr = rng.standard_normal((n, 4)), rng.uniform(0, 2, n)
    error = 10 ** (0.3 - 0.5 * log_snr)[:, None]
    variance = 1 / (1 + 1 / error**2)
    mean = variance / error**2 * (labels + error * rng.standard_normal((n, 4)))
    ends = dict.fromkeys(("median", "q16", "q84", "mean"), mean)
    answers = Posterior(
        presence=np.ones(n), log_snr=log_snr, **ends, covariance=np.zeros((n, 4, 4)),
        rank=norm.cdf((labels - mean) / np.sqrt(variance)),
    )  # fmt: skip
    return HeldOut(np.ones(n), labels, log_snr, answers, rng.random(n), np.ones((n, 2), np.int8), None)


def test_thirds_are_calibrated_where_the_posterior_is():
    held = exact()
    found = calibration(held, held.present > 0.5)
    assert list(found["thirds"]) == [*LABEL_NAMES, "log_snr"]
    for rows in found["thirds"].values():
        assert [row["n"] for row in rows] == [2000] * 3
        assert rows[0]["range"][1] == rows[1]["range"][0]
        for row in rows:
            # sixty distances: once in ten thousand times beyond 2.2 / sqrt(n)
            assert max(part["off"] for part in row["parameters"].values()) < 2.2 / np.sqrt(row["n"])
    # what thirds in the true values would say of this exact posterior
    oldest = held.labels[:, 0] > np.quantile(held.labels[:, 0], 2 / 3)
    assert calibration(held, oldest)["parameters"]["log_age"]["off"] > 2.2 / np.sqrt(2000)


@pytest.mark.parametrize(("stretch", "sign"), [(0.5, -1), (2.0, 1)])
def test_widths_that_are_wrong_show(toy, stretch, sign):
    found = judged(toy, stretch=stretch)
    # of an interval of level p about the centre, 2 Phi(stretch z_p) - 1 is covered: largest difference over all levels
    z = np.linspace(0, 5, 5000)
    expected = np.abs(norm.cdf(stretch * z) - norm.cdf(z)).max() * 2
    for part in found["parameters"].values():
        # a measured distribution strays further than 2 / sqrt(n) once in 1,500 times (Kolmogorov)
        assert part["off"] == pytest.approx(expected, abs=2 / np.sqrt(found["n"]))
        assert part["sbc_p"] < 1e-6
        assert (np.sign(np.subtract(part["coverage"], found["levels"])) == sign).all()


def test_joint_ranks_find_what_marginals_hide():
    """Two labels whose correlation the posterior gets wrong: each marginal is right, the joint is not."""
    rng, n, k = np.random.default_rng(3), 3000, 200
    correlated = np.linalg.cholesky([[1.0, 0.95], [0.95, 1.0]])
    truth = rng.standard_normal((n, 2)) @ correlated.T
    right = rng.standard_normal((n, k, 2)) @ correlated.T
    wrong = rng.standard_normal((n, k, 2))
    reference = rng.uniform(-3, 3, (n, 2))
    uniform = {}
    for name, samples in (("right", right), ("wrong", wrong)):
        rank = np.sort(tarp_ranks(samples, truth, reference, widths=np.ones(2)))
        uniform[name] = np.abs(rank - (np.arange(n) + 0.5) / n).max()
        for axis in range(2):
            marginal = np.sort((samples[..., axis] < truth[:, None, axis]).mean(axis=1))
            assert np.abs(marginal - (np.arange(n) + 0.5) / n).max() < 1.95 / np.sqrt(n) + 1 / k
    assert uniform["right"] < 1.95 / np.sqrt(n) + 1 / k
    assert uniform["wrong"] > 1.95 / np.sqrt(n) + 1 / k


def test_no_truth_no_rank():
    truth = np.array([[0.0, 0.0], [np.nan, np.nan]])
    rank = tarp_ranks(np.zeros((2, 3, 2)), truth, np.ones((2, 2)), widths=np.ones(2))
    assert np.isnan(rank).tolist() == [False, True]
    assert 0 < rank[0] < 1


def test_scores_of_probabilities():
    assert brier_score(np.array([1.0, 0.0, 0.5]), np.array([1.0, 0.0, 1.0])) == pytest.approx(0.25 / 3)
    assert expected_calibration_error(np.array([0.05, 0.05, 0.95]), np.array([0.0, 1.0, 1.0])) == pytest.approx(
        (0.45 * 2 + 0.05) / 3
    )


def test_detection(held):
    found = detection(held)
    present, score = held.present > 0.5, held.posterior.presence
    assert (score[~present] > found["threshold"]).mean() <= 0.01
    for name, values in (("log_age", held.labels[:, 0]), ("log_snr", held.log_snr)):
        part = found["completeness"][name]
        low, high = part["edges"][2:4]
        inside = present & (values >= low) & (values < high)
        assert part["n"][2] == inside.sum()
        if inside.any():
            assert part["share"][2] == pytest.approx((score[inside] > found["threshold"]).mean())
    passed = score > found["threshold"]
    shares = [(s or 0.0) * n for s, n in zip(found["purity"]["share"], found["purity"]["n"], strict=True)]
    edges = found["purity"]["edges"]
    inside = (held.posterior.log_snr >= edges[0]) & (held.posterior.log_snr <= edges[-1])
    assert sum(shares) == pytest.approx((passed & present & inside).sum())
    # the range written out: age <= 100 Myr, 3e3 to 3e5 Msun, A_V <= 3, 0.04 to 0.4 arcsec
    visible = present & (held.labels[:, 0] <= 8.0) & (held.labels[:, 2] <= 3.0) & (held.log_snr > np.log10(5.0))
    visible &= (np.abs(held.labels[:, 1] - np.log10(3e4)) <= 1.0) & (np.abs(held.labels[:, 3] + 0.897940) <= 0.5)
    paper = found["paper_range_snr5"]
    assert paper["n"] == visible.sum() > 10
    assert paper["completeness"] == pytest.approx(passed[visible].mean())
    assert paper["auc"] == pytest.approx((score[visible][:, None] > score[~present]).mean(), abs=1e-12)


def test_few_mocks_have_no_verdict(toy):
    held = infer_held_out(toy.predictor(), toy.scenes, n=4, seed=1)
    found = judge(held, prior_entropy=1.0)
    assert found["calibration"]["joint"] == {"off": None, "p": None}
    assert set(found["multimodal"]) == {"log_age/a_v", "log_age/log_mass"}
    assert "coverage off" in "\n".join(summary(found))


def test_maps_hold_their_cells():
    places = np.repeat([[0.5, 0.5], [1.5, 0.5]], 10, axis=0)
    values = np.concatenate([np.full(10, 2.0), np.arange(10.0)])
    found = cell_map(places, values, [np.array([0.0, 1, 2]), np.array([0.0, 1, 2])], np.mean)
    np.testing.assert_array_equal(found, [[2.0, np.nan], [4.5, np.nan]])
