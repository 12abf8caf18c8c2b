from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clustercnn.errors import DataFileError, InvalidInput, MissingBackend
from clustercnn.inference import NewPrior, Posterior, Predictor, flag_names
from clustercnn.inference.posterior import summarise
from clustercnn.labels import LABEL_NAMES


def stamps(*peaks):
    images = np.zeros((len(peaks), 2, 16, 16), np.float32)
    images[:, 0, 6:10, 6:10] = np.array(peaks)[:, None, None]
    return images


def test_answers_are_those_of_the_network(predictor):
    answer = predictor.predict(stamps(2.0, 10.0), samples=5)
    # single precision: a logit of 7 is held to 4e-7, and so are its odds; logarithm and sigmoid add as much again
    np.testing.assert_allclose(answer.presence, 1 / (1 + np.exp([1.0, -7.0])), rtol=1e-5)
    np.testing.assert_allclose(answer.log_snr, np.log10([2.0, 10.0]), rtol=1e-5)
    centre = np.array([8.0, 4.0, 2.0, 0.0]) + 0.1
    # 997 equally probable quantiles: the median is exact, the others are off by less than the step between neighbours,
    # 0.1 sigma / (997 * density 0.24) = 4e-4; the deviation lacks the tails, 0.3 %
    np.testing.assert_allclose(answer.median[1], centre, atol=1e-5)
    np.testing.assert_allclose(answer.q16[1], centre - 0.1, atol=5e-4)
    np.testing.assert_allclose(answer.q84[1], centre + 0.1, atol=5e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(answer.covariance[1])), 0.1, rtol=5e-3)
    assert answer.samples.shape == (2, 5, 4)
    assert answer.log_prob is None


def test_presence_follows_its_prior(write_toy):
    """By Bayes' theorem: the odds are multiplied by those of the prior over those of training, and nothing else is."""
    known = {"config": {"scene": {"present_fraction": 0.6}}}
    images = stamps(2.0, 10.0)
    plain, rare = (
        Predictor.load(write_toy(**known), device="cpu", draws=101, prior=prior)
        for prior in (None, NewPrior(presence=0.001))
    )
    before, after = plain.predict(images), rare.predict(images)
    odds = np.exp([-1.0, 7.0]) * (0.001 / 0.999) / (0.6 / 0.4)  # the toy's logits are -1 and 7
    # single precision holds logits of up to 8 to 5e-7, and so the odds
    np.testing.assert_allclose(after.presence, odds / (1 + odds), rtol=1e-5)
    np.testing.assert_array_equal(rare.presence(images), after.presence)
    np.testing.assert_array_equal(after.median, before.median)
    assert after.ess is None
    both = Predictor.load(write_toy(**known), draws=101, prior=NewPrior(presence=0.001, mass_slope=-2.0))
    np.testing.assert_array_equal(both.predict(images).presence, after.presence)
    assert both.predict(images).ess is not None


@pytest.mark.parametrize("config", [{}, {"scene": {"present_fraction": 1.0}}])
def test_a_prior_for_presence_needs_training_s(write_toy, config):
    with pytest.raises(InvalidInput, match=r"prior.presence: 0.01; .*model.ts does not say how frequent clusters were"):
        Predictor.load(write_toy(config=config), device="cpu", prior=NewPrior(presence=0.01))


def test_batch_size_does_not_matter(write_toy):
    path, images = write_toy(), stamps(*np.linspace(1, 20, 11))
    one = Predictor.load(path, device="cpu", batch=3, draws=101).predict(images, samples=4, seed=5)
    all_ = Predictor.load(path, device="cpu", batch=64, draws=101).predict(images, samples=4, seed=5)
    for name in ("presence", "log_snr", "median", "covariance", "samples"):
        np.testing.assert_array_equal(getattr(one, name), getattr(all_, name))
    later = Predictor.load(path, device="cpu", draws=101).predict(images[4:], samples=4, seed=5, first=4)
    np.testing.assert_array_equal(later.samples, one.samples[4:])


def test_truth_gives_ranks_and_densities(predictor):
    centre = np.array([[8.1, 4.1, 2.1, 0.1]])
    truth = np.concatenate([centre, centre + 0.1, centre - 0.1, np.full((1, 4), np.nan)])
    answer = predictor.predict(stamps(10, 10, 10, 10), truth=truth)
    # Phi(0), Phi(1), Phi(-1) to within one of the 997 draws
    np.testing.assert_allclose(answer.rank[:3, 0], [0.5, 0.841, 0.159], atol=2e-3)
    assert np.isnan(answer.rank[3]).all()
    peak = -4 * np.log(0.1 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(answer.log_prob, [peak, peak - 2, peak - 2, np.nan], rtol=1e-4)
    np.testing.assert_allclose(predictor.log_prob(stamps(10, 10), truth[:2]), [peak, peak - 2], rtol=1e-4)


def test_no_images_no_answers(predictor):
    answer = predictor.predict(stamps())
    assert len(answer) == 0
    assert answer.covariance.shape == (0, 4, 4)
    assert predictor.presence(stamps()).shape == (0,)


def test_tensors_and_memory_layouts_are_equal(predictor):
    images = stamps(4.0, 9.0)
    expected = predictor.presence(images)
    np.testing.assert_array_equal(predictor.presence(torch.from_numpy(images)), expected)
    np.testing.assert_array_equal(predictor.presence(images.astype(np.float64)), expected)
    np.testing.assert_array_equal(predictor.presence(np.asfortranarray(images)), expected)
    np.testing.assert_array_equal(predictor.presence(images.astype(">f4")), expected)  # as FITS gives them


def test_parts_and_rows(predictor):
    answer = predictor.predict(stamps(1, 2, 3), samples=2)
    again = Posterior.concatenate([answer[:1], answer[1:]])
    np.testing.assert_array_equal(again.samples, answer.samples)
    assert answer.without_samples().samples is None


def test_summary_of_known_draws():
    rng = np.random.default_rng(3)
    matrix = np.array([[1.0, 0, 0, 0], [-0.5, 0.5, 0, 0], [0, 0, 2.0, 0], [0, 0.3, 0, 0.1]])
    draws = (rng.standard_normal((2, 20000, 4)) @ matrix.T).astype(np.float32)
    found = summarise(draws)
    # standard error of a covariance of unit scale: sqrt(2 / 20000) = 0.01 times at most 4; four of them
    np.testing.assert_allclose(found["covariance"][0], matrix @ matrix.T, atol=0.16)
    np.testing.assert_allclose(found["covariance"][1], np.cov(draws[1].T), rtol=1e-4, atol=1e-5)


def test_mosaic_rows_without_values(predictor):
    data = np.zeros((2, 64, 64), np.float32)
    data[0, 18:22, 28:32] = 10.0
    mosaic = SimpleNamespace(data=data, valid=np.ones((64, 64), bool))
    x = np.array([29.5, 200.0, np.nan, 50.0])
    y = np.array([19.5, 10.0, 5.0, 50.0])
    answer, flags = predictor.predict_mosaic(mosaic, x, y, samples=3)
    assert [flag_names(f) for f in flags] == [(), ("OUTSIDE_IMAGE",), ("NO_POSITION",), ("LOW_SNR", "LOW_PRESENCE")]
    assert np.isfinite(answer.median[[0, 3]]).all()
    assert np.isnan(answer.presence[1:3]).all()
    assert np.isnan(answer.samples[1:3]).all()


def test_the_edge_is_that_of_the_prior(write_toy):
    """The posterior's own range is wider in mass, where realised masses scatter over the edge of their targets'."""
    data = np.zeros((2, 64, 64), np.float32)
    data[0, 18:22, 28:32] = 10.0  # log_mass 4.1, sigma 0.1
    mosaic = SimpleNamespace(data=data, valid=np.ones((64, 64), bool))
    wide = dict(zip(LABEL_NAMES, Predictor.load(write_toy()).label_bounds.tolist(), strict=True))
    for prior, flagged in ((wide, False), (wide | {"log_mass": [2.5, 4.2]}, True)):
        predictor = Predictor.load(write_toy(prior=prior), device="cpu", draws=997)
        _, flags = predictor.predict_mosaic(mosaic, np.array([29.5]), np.array([19.5]))
        assert ("NEAR_PRIOR_EDGE" in flag_names(flags[0])) == flagged


def test_wrong_arguments(predictor, write_toy):
    with pytest.raises(
        InvalidInput, match=r"images: shape \(1, 3, 16, 16\); \[n, 2, 16, 16\] is allowed \(bands A, B\)"
    ):
        predictor.predict(np.zeros((1, 3, 16, 16)))
    with pytest.raises(InvalidInput, match="images: some pixels are not finite"):
        predictor.predict(np.full((1, 2, 16, 16), np.nan))
    with pytest.raises(InvalidInput, match="samples: 5000; 0 to draws=997 are allowed"):
        predictor.predict(stamps(1), samples=5000)
    with pytest.raises(InvalidInput, match=r"labels: shape \(2, 4\); \[1, 4\] is allowed"):
        predictor.predict(stamps(1), truth=np.zeros((2, 4)))
    with pytest.raises(InvalidInput, match="batch: 0; 1 or more"):
        Predictor.load(write_toy(), batch=0)
    with pytest.raises(InvalidInput, match="draws: 1; 2 or more"):
        Predictor.load(write_toy(), draws=1)


def test_files_that_are_no_artefact(write_toy, tmp_path):
    with pytest.raises(DataFileError, match=r"none.ts: no such file; a model.ts as `train` writes it"):
        Predictor.load(tmp_path / "none.ts")
    (tmp_path / "text.ts").write_text("hello")
    with pytest.raises(DataFileError, match=r"text.ts: not a TorchScript file"):
        Predictor.load(tmp_path / "text.ts", device="cpu")
    with pytest.raises(DataFileError, match=r"not of clustercnn: metadata.json is missing"):
        Predictor.load(write_toy(raw=""), device="cpu")
    with pytest.raises(DataFileError, match="is not JSON"):
        Predictor.load(write_toy(raw="{"), device="cpu")
    with pytest.raises(DataFileError, match="artefact format 7; this version reads format 1"):
        Predictor.load(write_toy(format=7), device="cpu")
    some = json.dumps(dict.fromkeys(("format", "version", "bands", "size", "pixel_scale", "labels", "label_bounds"), 1))
    with pytest.raises(DataFileError, match="lacks survey"):
        Predictor.load(write_toy(raw=some), device="cpu")
    with pytest.raises(DataFileError, match=r"its labels are \['age'\]; this version reads log_age, log_mass"):
        Predictor.load(write_toy(labels=["age"]), device="cpu")


def test_devices(write_toy):
    with pytest.raises(MissingBackend, match="device: 'tpu9'; auto, cpu, cuda"):
        Predictor.load(write_toy(), device="tpu9")
    with pytest.raises(MissingBackend, match="'cuda:99' was asked for"):
        Predictor.load(write_toy(), device="cuda:99")
