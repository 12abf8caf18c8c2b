"""Parameters of clusters: units of what comes in."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

import clustercnn as cc
from clustercnn.errors import InvalidInput

PLAIN = {"log_age": 7.0, "log_mass": 4.0, "a_v": 0.0, "log_rh": -1.0}


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("log_age", 10 * u.Myr, 7.0),
        ("log_age", 7 * u.dex(u.yr), 7.0),
        ("log_mass", [1e4, 1e5] * u.Msun, [4.0, 5.0]),
        ("log_rh", 6 * u.arcsec / 60, -1.0),
        ("a_v", 500 * u.mmag, 0.5),
        ("position_angle", np.pi / 2 * u.rad, 90.0),
        ("x", 3 * u.pix, 3.0),
        ("gamma", 3 * u.dimensionless_unscaled, 3.0),
        ("log_age", Table({"log_age": u.Quantity([1, 10], u.Gyr)})["log_age"], [9.0, 10.0]),
        ("log_age", QTable({"log_age": [7.0, 8.0] * u.Unit("dex(yr)")})["log_age"], [7.0, 8.0]),
    ],
)
def test_units_are_converted(name, value, number):
    found = getattr(cc.ClusterParams(**(PLAIN | {name: value})), name)
    np.testing.assert_allclose(found, np.atleast_1d(number), rtol=4 * np.finfo(float).eps)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a_v", 1 * u.Msun, "a_v: its unit is solMass; mag is allowed"),
        ("gamma", 3 * u.s, "gamma: its unit is s; a pure number is allowed"),
        ("log_age", 0 * u.yr, "log_age: holds -inf; only finite values"),
        ("log_age", "old", "log_age: 'old' is not a number"),
    ],
)
def test_what_has_no_sense_is_refused(name, value, message):
    with pytest.raises(InvalidInput, match=message):
        cc.ClusterParams(**(PLAIN | {name: value}))
