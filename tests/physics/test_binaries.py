"""The law of mass ratios: its mean and its inverse, against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

import clustercnn as cc
from clustercnn.errors import InvalidInput
from clustercnn.physics import Binaries


@pytest.mark.parametrize("q_min", [0.001, 0.1, 0.9])
@pytest.mark.parametrize("beta", [-2.5, -2.0, -1.0, 0.0, 0.7, 5.0])
def test_mean_and_inverse(q_min, beta):
    law = Binaries(q_min, beta)

    def integral(power, to=1.0):
        # in ln q, where powers are smooth
        return integrate.quad(lambda x: np.exp((power + 1.0) * x), np.log(q_min), np.log(to), epsrel=1e-11)[0]

    assert law.mean_q == pytest.approx(integral(beta + 1.0) / integral(beta), rel=1e-9)
    base, slope, power, logarithmic = law.inverse
    for v in (1e-6, 0.2, 0.5, 0.97):
        at = base + slope * v
        q = 2.0 ** (power * at) if logarithmic else at**power
        # the quantile's own error is 1e-16 over (beta + 1) of the CDF's
        assert integral(beta, q) / integral(beta) == pytest.approx(v, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q_min": 0.0}, r"binaries: q_min: 0\.0; from 0\.001 to below 1"),
        ({"q_min": 1.0}, r"binaries: q_min: 1\.0"),
        ({"q_min": "low"}, "binaries: q_min: 'low'"),
        ({"beta": 9.0}, r"binaries: beta: 9\.0; -5 to 5"),
        ({"beta": -1.001}, r"binaries: beta: -1\.001"),
        ({"bta": 1.0}, "survey: binaries: entry 'bta' is unknown; did you mean 'beta'"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InvalidInput, match=message):
        cc.Survey.from_dict(cc.Survey.load("m83").to_dict() | {"binaries": change})


def test_a_survey_may_leave_them_out():
    values = cc.Survey.load("m83").to_dict()
    assert values["binaries"] == {"q_min": 0.1, "beta": 0.0}
    del values["binaries"]
    assert cc.Survey.from_dict(values).binaries == Binaries()
    with pytest.raises(InvalidInput, match="entry 'binarys' is unknown; did you mean 'binaries'"):
        cc.Survey.from_dict(values | {"binarys": {}})
