"""What a cluster is described by: the four inferred labels, their units, and arrays of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["LABELS", "LABEL_NAMES", "VARIETY", "VARIETY_UNITS", "ClusterParams", "Label"]


@dataclass(frozen=True)
class Label:
    """One inferred quantity: its name in tables, its unit, and how figures write it."""

    name: str
    unit: str  # as astropy.units writes it; logs say of what
    latex: str


LABELS = (
    Label("log_age", "dex(yr)", r"$\log_{10}(t/\mathrm{yr})$"),
    Label("log_mass", "dex(Msun)", r"$\log_{10}(M/M_\odot)$"),
    Label("a_v", "mag", r"$A_V$ [mag]"),
    Label("log_rh", "dex(arcsec)", r"$\log_{10}(r_h/\mathrm{arcsec})$"),
)
LABEL_NAMES = tuple(label.name for label in LABELS)

# What may set a cluster apart from a plain one, which is round, of single stars, evenly mixed, behind one screen of
# dust: the values allowed, (low, high).
VARIETY = {
    "binary_fraction": (0.0, 1.0),
    "ellipticity": (0.0, 0.9),
    "position_angle": (-360.0, 360.0),
    "segregation": (0.0, 0.5),
    "a_v_scatter": (0.0, 1.0),
}
VARIETY_UNITS = {"position_angle": "deg"}  # the others are pure numbers
_UNITS = {label.name: label.unit for label in LABELS} | VARIETY_UNITS | {"x": "pix", "y": "pix"}


# What is allowed beside the ages of the stellar table: sense, not physics. A mass or radius beyond it is no logarithm;
# the extinction law is fitted to A_V of 0 to 5, and beyond 20 nothing is left to see.
LIMITS = {"log_mass": (-3.0, 8.0), "a_v": (0.0, 20.0), "log_rh": (-6.0, 4.0)}


@dataclass(frozen=True)
class ClusterParams:
    """Parameters of ``n`` clusters, as float64 arrays of shape [n]; scalars are broadcast.

    Args:
        log_age: log10 of the age in years.
        log_mass: log10 of the target initial mass in Msun, companions included; the realised mass differs by the IMF's
            scatter.
        a_v: foreground extinction in V, mag, 0 to 20; beyond 5 the extinction law is extrapolated.
        log_rh: log10 of the projected half-light radius in arcsec; of elliptical clusters the circularised one, of
            segregated ones that of stars of the IMF's mean mass.
        gamma: outer slope of the EFF profile, larger than 2.
        x, y: centre in pixels (pixel centres at integers); None is the middle of the stamp.
        metallicity: mass fraction Z of metals; None is the middle of the survey's range.
        binary_fraction: share of the stars with an unresolved companion, 0 to 1; mass ratios follow the survey's
            ``Binaries``.
        ellipticity: 1 - b/a of the semi-axes, 0 to 0.9. They are r/sqrt(1 - e) and r sqrt(1 - e) where a round cluster
            has the radius r, which keeps the area.
        position_angle: of the major axis, degrees counter-clockwise from +x, -360 to 360.
        segregation: s of primordial-style mass segregation, 0 to 0.5: the radius of a star (of a binary's primary) of
            mass m is multiplied by (m / mean mass of the IMF)^-s, at most tenfold either way. A law of this package
            that keeps the profile's form for each mass; s = 0.5 is how sizes go in energy equipartition (velocities as
            m^-1/2) about a harmonic centre. It is no dynamical model: those of Šubr, Kroupa & Baumgardt 2008, MNRAS
            385, 1673, and of McLuster (Küpper et al. 2011, MNRAS 417, 2300) order stars by energy.
        a_v_scatter: sigma of differential extinction, 0 to 1: a star's A_V is a_v exp(sigma z - sigma²/2), z standard
            normal, of mean a_v. Stars behind more than 20 mag, dark anyway, count as behind 20.
        psf: number of the kernel in the survey's library; None takes one at random for each cluster.

    Quantities and columns with a unit are converted, logarithms taken where needed: ``log_age=10 * u.Myr`` is 7.

    None, as 0, of the five before is a plain cluster. Of one that is not plain a renderer draws all stars one by one,
    whatever its ``faint_fraction``.

    Raises:
        InvalidInput: arrays of different length, more than one dimension, values that are not finite or out of range,
            or a unit that does not fit.
    """

    log_age: ArrayLike
    log_mass: ArrayLike
    a_v: ArrayLike
    log_rh: ArrayLike
    gamma: ArrayLike = 2.8
    x: ArrayLike | None = None
    y: ArrayLike | None = None
    metallicity: ArrayLike | None = None
    binary_fraction: ArrayLike | None = None
    ellipticity: ArrayLike | None = None
    position_angle: ArrayLike | None = None
    segregation: ArrayLike | None = None
    a_v_scatter: ArrayLike | None = None
    psf: ArrayLike | None = None

    def __post_init__(self) -> None:
        given = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        arrays = {name: _column(name, value) for name, value in given.items()}
        lengths = {name: a.size for name, a in arrays.items() if a.ndim == 1}
        if len(set(lengths.values())) > 1:
            raise InvalidInput(
                f"ClusterParams: arrays of different length, {lengths}; one length or scalars are allowed"
            )
        n = next(iter(lengths.values()), 1)
        for name, array in arrays.items():
            full = np.ascontiguousarray(np.broadcast_to(array, (n,)))
            full.flags.writeable = False
            object.__setattr__(self, name, full)
        for name, (low, high) in LIMITS.items():
            _check_between(name, getattr(self, name), low=low, high=high)
        _check_above("gamma", self.gamma, 2.0)
        if self.psf is not None and (bad := (self.psf < 0) | (self.psf % 1 != 0)).any():
            raise InvalidInput(
                f"psf: {self.psf[bad][0]:g} at index {int(np.argmax(bad))}; whole numbers >= 0 are allowed"
            )
        for name, (low, high) in VARIETY.items():
            if name in arrays:
                _check_between(name, getattr(self, name), low=low, high=high)

    def __len__(self) -> int:
        return self.log_age.size

    def __getitem__(self, index: slice | NDArray[Any]) -> ClusterParams:
        """The clusters of a slice or an index array."""
        if isinstance(index, (int, np.integer)):
            index = slice(index, index + 1) if index != -1 else slice(-1, None)
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: v[index] for name, v in values.items() if v is not None})

    def labels(self) -> NDArray[np.float32]:
        """The four labels as float32 [n, 4], in the order of ``LABEL_NAMES``."""
        return np.stack([getattr(self, name) for name in LABEL_NAMES], axis=1).astype(np.float32)


def _column(name: str, value: ArrayLike) -> NDArray[np.float64]:
    value = _plain(name, value)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name}: {value!r} is not a number or an array of numbers") from error
    if array.ndim > 1:
        raise InvalidInput(f"{name}: shape {array.shape}; a scalar or a one-dimensional array is allowed")
    if not np.isfinite(array).all():
        raise InvalidInput(f"{name}: holds {array[~np.isfinite(array)].flat[0]}; only finite values are allowed")
    return array


def _plain(name: str, value: ArrayLike) -> ArrayLike:
    """Numbers in the unit of ``name``, of a quantity or a table's column that has a unit of its own."""
    if getattr(value, "unit", None) is None:
        return value
    from astropy import units

    wanted = units.Unit(_UNITS.get(name, ""))
    numbers = np.asarray(getattr(value, "value", value), dtype=np.float64)
    try:
        with np.errstate(
            divide="ignore", invalid="ignore"
        ):  # logarithms of what is not positive are told of by the caller
            return units.Unit(value.unit).to(wanted, numbers)
    except units.UnitConversionError as error:
        raise InvalidInput(
            f"{name}: its unit is {value.unit}; {_UNITS.get(name, 'a pure number')} is allowed"
        ) from error


def _check_above(name: str, values: NDArray[np.float64], low: float) -> None:
    bad = values <= low
    if bad.any():
        raise InvalidInput(f"{name}: {values[bad][0]:g} at index {int(np.argmax(bad))}; values > {low:g} are allowed")


def _check_between(name: str, values: NDArray[np.float64], *, low: float, high: float) -> None:
    bad = (values < low) | (values > high)
    if bad.any():
        raise InvalidInput(f"{name}: {values[bad][0]:g} at index {int(np.argmax(bad))}; {low:g} to {high:g} is allowed")
