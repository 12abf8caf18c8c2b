"""Stellar populations as the renderer reads them: from a uniform number to a star's mass and flux in each band."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.physics.imf import Imf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics.isochrones import Isochrone
    from clustercnn.physics.surveys import Survey

__all__ = ["AGE_STEP", "Guide", "Populations"]

AGE_STEP = 0.01  # dex: ages are rounded to this; a population's colours change by less than 0.01 mag over half a step
KNOTS = 1280  # per population
MASS_STEP = 0.01  # dex between knots where the isochrone itself has fewer points
MAGNITUDE_STEP = 0.2  # mag between knots, likewise: a chord over it is 0.42 % above the curve at most


class Guide:
    """Layout of the first-knot index: equal relative steps of the uniform number, ``per_octave`` to a factor of two."""

    octaves = 32
    per_octave = 32

    @classmethod
    def edges(cls) -> NDArray[np.float32]:
        """Lower edge of each bucket, [octaves * per_octave]."""
        shift = 23 - (cls.per_octave.bit_length() - 1)
        first = (127 - cls.octaves) * cls.per_octave
        bits = (np.arange(cls.octaves * cls.per_octave, dtype=np.uint32) + np.uint32(first)) << np.uint32(shift)
        return bits.view(np.float32)


class Populations:
    """Inverse-CDF tables of a survey's populations, one per (age, metallicity), made when first asked for.

    Stars are ordered by decreasing initial mass; ``u`` is the fraction of stars heavier than a knot. Between knots
    mass and flux are linear in ``u``. Ages are rounded to ``AGE_STEP`` (and to the native 0.05 dex from log age 9.1
    up, where the stellar table does not interpolate); metallicity to the nearest of the table.

    Attributes:
        u: float32 [capacity, knots], from 0 to 1.
        mass: float32 [capacity, knots], Msun.
        flux: float32 [capacity, knots, band], e-/s at the survey's distance, behind the Milky Way only.
        extinction: float32 [capacity, knots, band, 2]: A_band = c1 A_V + c2 A_V².
        guide: int32 [capacity, buckets], see ``Guide``.
        mean_mass: of the IMF, Msun.
    """

    def __init__(self, survey: Survey) -> None:
        self.survey, self.table = survey, survey.table
        self.imf = Imf.by_name(**survey.imf)
        self.mean_mass = self.imf.mean_mass
        self._rows: dict[tuple[int, float], int] = {}
        self._lock = threading.Lock()
        self._allocate(0)

    def rows(self, log_age: NDArray[np.float64], metallicity: NDArray[np.float64] | None) -> NDArray[np.int32]:
        """Row of each cluster's population, [n]; populations not met before are added.

        Raises:
            InvalidInput: an age or a metallicity outside the stellar table.
        """
        z = np.full(log_age.shape, np.mean(self.survey.metallicity)) if metallicity is None else metallicity
        for name, values, known in (("log_age", log_age, self.table.log_age_range), ("metallicity", z, self.table.z)):
            bad = (values < np.min(known) - 1e-9) | (values > np.max(known) + 1e-9)
            if bad.any():
                at = int(np.argmax(bad))
                low, high = np.min(known), np.max(known)
                raise InvalidInput(f"{name}: {values[at]:g} at index {at}; {low:g} to {high:g} is allowed")
        steps = np.rint(log_age / AGE_STEP).astype(int)
        nearest = np.asarray(self.table.z)[np.abs(z[:, None] - np.asarray(self.table.z)).argmin(axis=1)]
        keys = list(zip(steps.tolist(), nearest.tolist(), strict=True))
        with self._lock:
            for key in dict.fromkeys(keys):
                if key not in self._rows:
                    self._add(key)
            return np.array([self._rows[key] for key in keys], dtype=np.int32)

    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """``(u, mass, flux, extinction, guide)`` of one moment: rows asked for before are in them."""
        with self._lock:
            return self.u, self.mass, self.flux, self.extinction, self.guide

    def _allocate(self, capacity: int) -> None:
        bands = len(self.survey.bands)
        shapes = {
            "u": (np.float32, (KNOTS,)),
            "mass": (np.float32, (KNOTS,)),
            "flux": (np.float32, (KNOTS, bands)),
            "extinction": (np.float32, (KNOTS, bands, 2)),
            "guide": (np.int32, (Guide.octaves * Guide.per_octave,)),
        }
        used = len(self._rows)
        for name, (dtype, shape) in shapes.items():
            # never resized in place: a renderer in another thread may still read the old array
            new = np.zeros((capacity, *shape), dtype=dtype)
            if used:
                new[:used] = getattr(self, name)[:used]
            setattr(self, name, new)

    def _add(self, key: tuple[int, float]) -> None:
        row = len(self._rows)
        if row >= len(self.u):
            self._allocate(max(16, 2 * len(self.u)))
        low, high = self.table.log_age_range
        isochrone = self.table.isochrone(
            float(np.clip(key[0] * AGE_STEP, low, high)),
            key[1],
            bands=[band.filter for band in self.survey.bands],
            law=self.survey.extinction_law,
        )
        mass, alive = _knot_masses(isochrone, self.imf)
        u = self.imf.survival(mass)
        u[0], u[-1] = 0.0, 1.0
        n = mass.size
        self.u[row] = 1.0
        self.u[row, :n] = np.maximum.accumulate(u.astype(np.float32))
        self.mass[row] = mass[-1]
        self.mass[row, :n] = mass
        self.flux[row, :n] = self._flux(isochrone, mass) * alive[:, None]
        for band in range(len(self.survey.bands)):
            for power in range(2):
                column = isochrone.extinction[:, band, power]
                self.extinction[row, :n, band, power] = np.interp(mass, isochrone.m_ini, column)
        first = np.searchsorted(self.u[row], Guide.edges(), side="right") - 1
        first[0] = 0
        self.guide[row] = np.clip(first, 0, KNOTS - 2)
        self._rows[key] = row

    def _flux(self, isochrone: Isochrone, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """e-/s [n, band] of stars of the given masses; those lighter than the isochrone's first are like the first."""
        columns = []
        for b, band in enumerate(self.survey.bands):
            magnitude = np.interp(mass, isochrone.m_ini, isochrone.mag[:, b])
            apparent = magnitude + self.survey.distance_modulus + band.a_milky_way
            columns.append(10.0 ** (-0.4 * (apparent - band.zero_point)))
        return np.stack(columns, axis=1)


def _knot_masses(isochrone: Isochrone, imf: Imf) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Masses of the knots, decreasing, and which of them shine.

    The heaviest living star's mass stands twice: as the last dark knot and the first bright one, so that light ends
    there in a step.
    """
    m = isochrone.m_ini
    top = min(float(m[-1]), imf.high)
    # segments are cut until neither mass nor any magnitude changes by more than a step: flux is linear within a segment
    change = np.abs(np.diff(isochrone.mag, axis=0)).max(axis=1)
    parts = np.ceil(np.maximum(np.diff(np.log10(m)) / MASS_STEP, change / MAGNITUDE_STEP)).astype(int).clip(1)
    start, number = np.repeat(m[:-1], parts), np.repeat(parts, parts)
    part = np.arange(number.size) - np.repeat(np.cumsum(parts) - parts, parts)
    cut = start + part / number * np.repeat(np.diff(m), parts)
    faint = _log_steps(imf.low, float(m[0]))
    bright = np.unique(np.concatenate([[imf.low], faint, cut[(cut > imf.low) & (cut < top)], [top]]))
    dark = np.concatenate([_log_steps(top, imf.high), [imf.high]]) if top < imf.high else np.empty(0)
    mass = np.concatenate([dark, bright])
    alive = np.concatenate([np.zeros(dark.size, bool), np.ones(bright.size, bool)])
    # decreasing mass; of the two equal ones the dark comes first
    order = np.lexsort((alive, -mass))
    if order.size > KNOTS:
        raise InvalidInput(
            f"isochrone at log age {isochrone.log_age:g}: {order.size} knots; at most {KNOTS} are allowed, thin it"
        )
    return mass[order], alive[order]


def _log_steps(low: float, high: float) -> NDArray[np.float64]:
    """Masses from ``low`` up to below ``high`` in equal steps of at most ``MASS_STEP`` dex."""
    if low >= high:
        return np.empty(0)
    steps = int(np.ceil(np.log10(high / low) / MASS_STEP))
    return low * (high / low) ** (np.arange(steps) / steps)
