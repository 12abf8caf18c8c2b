from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clustercnn import Prior, Survey
from clustercnn.errors import InvalidInput
from clustercnn.inference import PredictiveCheck, Predictor, flag_names
from clustercnn.inference.predictive import predictive_check, typicality
from clustercnn.render import Renderer, expose
from clustercnn.scene import Mosaic

SIZE, REDRAWS = 32, 39
LABELS = np.array([7.5, 4.5, 0.5, -0.9], np.float32)  # some hundred S/N, half of its light within three pixels


@pytest.fixture(scope="module")
def survey():
    return Survey.load("m83")


@pytest.fixture(scope="module")
def artefact(survey):
    """As much of a network as the check reads."""
    prior = {**Prior.load("m83").to_dict(), "zero_point": 0.0, "distance": 0.0}
    return SimpleNamespace(path="model.ts", size=SIZE, metadata={"survey": survey.to_dict(), "prior": prior})


def sky(survey, *, side=200):
    """An empty observed mosaic: noise about zero."""
    noise = np.random.default_rng(1).normal(0.0, 0.01, (3, side, side)).astype(np.float32)
    exposures = np.array([band.exposure for band in survey.bands])
    zero_points = np.array([band.zero_point for band in survey.bands])
    return Mosaic(survey.band_names, noise, np.ones((side, side), bool), exposures, survey.pixel_scale, zero_points)


@pytest.fixture(scope="module")
def mosaic(survey):
    return sky(survey)


@pytest.fixture(scope="module")
def check(artefact, mosaic):
    return PredictiveCheck(artefact, mosaic, redraws=REDRAWS, seed=3)


def clusters(check, n):
    """Images of ``n`` clusters of the labels, each with nuisances of its own, on empty sky."""
    return check.redraw(100.0, 100.0, np.tile(LABELS, (n, 1)), number=1000)  # a number that no candidate here has


def p_values(check, stamps, labels=LABELS):
    draws = np.tile(labels, (REDRAWS, 1))
    n = len(stamps)
    at = np.full(n, 100.0)
    return check.p_values(np.asarray(stamps), at, at, np.tile(draws, (n, 1, 1)), where=np.ones(n, bool))


def test_shares_are_uniform_where_all_rows_are_alike():
    rng = np.random.default_rng(5)
    known = np.tile(LABELS, (19, 1))
    found = np.array([typicality(rng.standard_t(3, (20, 36)), known) for _ in range(400)])
    # each of 0.05, 0.10, ... 1 in 400 / 20 = 20 cases: four standard deviations of a binomial of 400 and 1/20
    counts = np.bincount(np.rint(found * 20).astype(int), minlength=21)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], 20, atol=4 * np.sqrt(400 * 0.05 * 0.95))


def test_an_odd_row_is_the_least_typical():
    rng = np.random.default_rng(5)
    rows, labels = rng.standard_normal((50, 12)), rng.standard_normal((49, 4))
    rows[0] += 10.0
    assert typicality(rows, labels) == pytest.approx(1 / 50)
    rows[:, 3] = 7.0  # a number that never changes tells nothing
    assert typicality(rows, labels) == pytest.approx(1 / 50)


def test_other_labels_excuse_an_image():
    """Off by what a label does to all numbers alike: not odd. Off by as much in one of them alone: odd."""
    rng = np.random.default_rng(6)
    labels = rng.standard_normal((99, 4))
    rows = 0.1 * rng.standard_normal((100, 8))
    rows[1:] += labels[:, :1]
    excused, odd = rows.copy(), rows.copy()
    excused[0] += 2.0
    odd[0, 5] += 2.0
    assert typicality(excused, labels) > 0.05
    assert typicality(odd, labels) == pytest.approx(1 / 100)


def test_clusters_of_known_labels_are_typical(check):
    found = p_values(check, clusters(check, 60))
    # uniform on 1/40, 2/40, ... 1 for a posterior that is the truth: mean 0.5125 to four standard errors
    assert found.mean() == pytest.approx(0.5125, abs=4 * 0.29 / np.sqrt(60))


@pytest.mark.parametrize("what", ["star", "brighter", "redder", "larger"])
def test_other_things_are_not(check, survey, what):
    stamp = clusters(check, 1)[0]
    if what == "star":  # as bright as a cluster, in one point
        light = Renderer(survey, size=SIZE).draw([15.3], [15.8], stamp.sum(axis=(1, 2))[None])
        stamp = expose(light.clip(0)[None], check.mosaic.exposures, np.zeros(3), seed=1)[0]
    elif what == "brighter":
        stamp = 4 * stamp
    elif what == "redder":
        stamp = stamp * np.array([0.4, 1.0, 2.5], np.float32)[:, None, None]
    else:
        stamp = sum(np.roll(stamp, shift, axis=(1, 2)) for shift in ((0, 5), (5, 0), (0, -5), (-5, 0))) / 4
    assert p_values(check, [stamp])[0] == pytest.approx(1 / (REDRAWS + 1))


def test_redraws_belong_to_seed_and_number(check, artefact, mosaic):
    draws = np.tile(LABELS, (REDRAWS, 1))
    first = check.redraw(90.0, 90.0, draws, number=4)
    np.testing.assert_array_equal(
        first, PredictiveCheck(artefact, mosaic, redraws=REDRAWS, seed=3).redraw(90.0, 90.0, draws, number=4)
    )
    assert not np.array_equal(first, check.redraw(90.0, 90.0, draws, number=5))
    assert len(np.unique(first.sum(axis=(1, 2, 3)))) == REDRAWS


def test_draws_at_the_bounds_are_drawn(check):
    low, high = check.prior.label_bounds.T
    ends = np.float32([low, high, np.nextafter(np.float32(high), np.float32(99.0))])
    assert np.isfinite(check.redraw(100.0, 100.0, np.repeat(ends, REDRAWS // 3, axis=0), number=0)).all()


def test_no_valid_surroundings_no_value(artefact, survey):
    alone = sky(survey)
    alone.valid[:] = False
    alone.valid[84:116, 84:116] = True
    check = PredictiveCheck(artefact, alone, redraws=REDRAWS, seed=3)
    assert np.isnan(p_values(check, np.zeros((1, 3, SIZE, SIZE), np.float32)))[0]


def test_mosaic_rows(write_toy):
    """The toy network says what it says of an empty field; the check is asked for whole stamps alone."""
    asked = []

    def p_values(stamps, x, y, draws, *, where, first):
        asked.append((len(stamps), draws.shape, where.tolist(), first))
        return np.where(where, np.where(x < 40, 0.01, 0.5), np.nan).astype(np.float32)

    data, valid = np.zeros((2, 64, 64), np.float32), np.ones((64, 64), bool)
    data[0] = 10.0
    valid[50, 20] = False
    x, y = np.array([29.5, 39.5, 45.5, 20.5, 2.0, np.nan]), np.array([19.5, 19.5, 19.5, 45.5, 30.0, 5.0])
    predictor = Predictor.load(write_toy(), device="cpu", batch=2, draws=97)
    answer, flags = predictor.predict_mosaic(
        SimpleNamespace(data=data, valid=valid), x, y, samples=3, check=SimpleNamespace(redraws=40, p_values=p_values)
    )
    shape = (2, 40, 4)
    assert asked == [(2, shape, [True, True], 0), (2, shape, [True, False], 2), (2, shape, [False, False], 4)]
    np.testing.assert_array_equal(answer.ppp, np.float32([0.01, 0.01, 0.5, np.nan, np.nan, np.nan]))
    assert ["UNLIKE_REDRAWS" in flag_names(f) for f in flags] == [True, True, False, False, False, False]
    assert answer.samples.shape == (6, 3, 4)


def test_a_network_without_a_prior_cannot_be_checked(artefact, mosaic, survey):
    old = SimpleNamespace(path="old.ts", size=SIZE, metadata={"survey": survey.to_dict()})
    assert predictive_check(old, mosaic, redraws=0, seed=0) is None
    with pytest.raises(InvalidInput, match=r"redraws: 50; old\.ts does not say its prior, so only 0 is allowed"):
        predictive_check(old, mosaic, redraws=50, seed=0)
