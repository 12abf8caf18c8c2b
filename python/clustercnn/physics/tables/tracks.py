"""PARSEC v1.2S isochrones of one metallicity: as published, and derived from tracks on equal evolutionary points.

Which source speaks at which age:

* log age < 6.45: the published points, joined by mass share. Hardly any star has left the main sequence, and very
  massive tracks do not follow each other in evolutionary point (EEP), so that EEPs cannot join them.
* 6.45 to 9.1: tracks; at each EEP the mass that has the wanted age (log-log). They have the last early-AGB stars that
  the published isochrones lack at 7.2 to 7.7 (up to 0.47 mag in F814W of a population), and can be made at any age.
  Colours change within 0.02 dex of age between 6.6 and 7.2 (blue loops, first red supergiants), which a published
  spacing of 0.05 dex cannot follow: the derived ages are 0.0125 dex apart up to 7.5, and 0.025 dex from there.
* At their own ages below 7.2 the published points are kept, with EEPs given by the tracks. Both sources agree in the
  light of a population within 0.02 mag at most of these ages; where a star type appears or goes (Z = 0.02: 6.65, 6.7,
  7.0, 7.1) they differ by up to 0.2 mag (F438W), as published points are sparse there; neighbours are 0.0125 dex off.
* From 9.1 up: the published points, nearest in age; the tracks stop before the AGB, and fail at the helium flash.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.physics.interpolation import strictly_increasing
from clustercnn.physics.photometry import Points

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DERIVED_AGES", "OLD_AGES", "YOUNG_AGES", "NativeSet", "TrackSet", "derived"]

YOUNG_AGES = np.round(np.arange(6.0, 6.41, 0.05), 4)
DERIVED_AGES = np.round(np.r_[np.arange(6.45, 7.495, 0.0125), np.arange(7.5, 9.101, 0.025)], 4)
KEPT_AGES = np.round(np.arange(6.45, 7.16, 0.05), 4)  # published ages kept among the derived ones
OLD_AGES = np.round(np.arange(9.1, 10.101, 0.05), 4)
MAX_MASS = 120.0  # Msun; beyond it the published sets of Z >= 0.03 hold a false evolved branch
_AGB_PHASE, _AGB_EEP, _LAST_EEP = 5, 1730, 1929
_KEEP_EVERY = 8  # of the thermally pulsing AGB: half of all points, a thousandth of the mass range
_MAX_GAP = 0.02  # dex of mass between neighbouring points on the unevolved part


def _kept_eeps() -> NDArray[np.intp]:
    """EEPs that become points: dense where a star changes fast, every end of a phase included."""
    steps = ((0, 200, 8), (200, 520, 8), (520, 600, 2), (600, 1100, 4))
    steps += ((1100, 1300, 1), (1300, 1630, 4), (1630, 1730, 2), (1730, 1930, 4))
    rows = [np.r_[np.arange(first, end, step), end - 1] for first, end, step in steps]
    return np.unique(np.concatenate(rows))


@dataclass(frozen=True)
class NativeSet:
    """The published isochrones of one metallicity."""

    z: float
    mh: float
    log_age: NDArray[np.float64]
    start: NDArray[np.intp]
    columns: dict[str, NDArray[np.float64]]

    @classmethod
    def read(cls, path: Path) -> NativeSet:
        """Read one ``parsec_v12s_z*.npz``."""
        names = ("m_ini", "m_act", "log_l", "log_teff", "c_o", "phase")
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name].astype(np.float64) for name in names}
            log_age = np.round(file["log_age"].astype(np.float64), 4)
            return cls(round(float(file["Z"]), 4), float(file["mh"]), log_age, file["start"].astype(np.intp), columns)

    def _block(self, log_age: float) -> dict[str, NDArray[np.float64]]:
        k = int(np.argmin(np.abs(self.log_age - log_age)))
        return {name: column[self.start[k] : self.start[k + 1]] for name, column in self.columns.items()}

    def isochrone(self, log_age: float) -> Points:
        """The published points nearest in age: distinct masses up to 120 Msun, the thermally pulsing AGB thinned."""
        block = self._block(log_age)
        index, mass = strictly_increasing(block["m_ini"])
        block = _cut_at_top({name: column[index] for name, column in block.items()} | {"m_ini": mass})
        carbon = (block["c_o"] > 1.0) & (block["phase"] == _AGB_PHASE)
        keep = np.ones(carbon.size, dtype=bool)
        if (block["phase"] == _AGB_PHASE).any():
            # single points inside this stretch are labelled as something else, so it runs to the end
            first = int(np.argmax(block["phase"] == _AGB_PHASE))
            keep[first:] = (np.arange(carbon.size - first) % _KEEP_EVERY) == 0
            switch = np.flatnonzero(carbon[1:] != carbon[:-1])
            keep[np.r_[switch, switch + 1, carbon.size - 1]] = True
        points = Points(
            m_ini=block["m_ini"],
            log_l=block["log_l"],
            log_teff=block["log_teff"],
            m_ratio=block["m_act"] / block["m_ini"],
            carbon=carbon,
            eep=np.zeros(carbon.size),
        )
        return select(points, keep)

    def pulsing_agb(self, log_age: float) -> Points | None:
        """The published thermally pulsing AGB of the nearest age, with EEPs 1730 to 1929 by mass; None without one."""
        points, block = self.isochrone(log_age), self._block(log_age)
        agb = block["phase"] == _AGB_PHASE
        if not agb.any():
            return None
        top = select(points, points.m_ini >= block["m_ini"][np.argmax(agb)])
        share = (top.m_ini - top.m_ini[0]) / (top.m_ini[-1] - top.m_ini[0])
        return replace(top, eep=_AGB_EEP + share * (_LAST_EEP - _AGB_EEP))

    def carbon_onset(self, log_age: float) -> float:
        """From which share of the thermally pulsing AGB (by mass, 0 to 1) on stars are carbon stars; 2 for never.

        Of the nearest age that has such a phase within 0.06 dex.
        """
        for k in np.argsort(np.abs(self.log_age - log_age), kind="stable")[:3]:
            block = self._block(self.log_age[k])
            agb = block["phase"] == _AGB_PHASE
            if agb.any():
                mass = block["m_ini"][np.argmax(agb) :]
                rich = (block["c_o"] > 1.0)[np.argmax(agb) :]
                share = (mass - mass[0]) / max(mass[-1] - mass[0], 1e-12)
                return float(share[np.argmax(rich)]) if rich.any() else 2.0
        return 2.0


@dataclass(frozen=True)
class TrackSet:
    """Evolutionary tracks of one metallicity, on common EEPs; arrays [mass, eep], NaN where not reached."""

    log_m: NDArray[np.float64]
    log_age: NDArray[np.float64]
    log_m_act: NDArray[np.float64]
    log_l: NDArray[np.float64]
    log_teff: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> TrackSet:
        """Read one ``parsec_v12s_eep_z*.npz``."""
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name].astype(np.float64) for name in ("m_ini", "age", "m_act", "log_l", "log_teff")}
        log_age = np.log10(np.maximum(data["age"], 1.0))  # NaN stays NaN
        return cls(np.log10(data["m_ini"]), log_age, np.log10(data["m_act"]), data["log_l"], data["log_teff"])

    def isochrone(self, log_age: float, carbon_onset: float = 2.0, *, thin: bool = True) -> Points:
        """The isochrone of an age: one point per EEP, and unevolved track masses where those leave gaps.

        Args:
            log_age: log10 yr.
            carbon_onset: see ``NativeSet.carbon_onset``.
            thin: keep the chosen EEPs only (False: all, to measure what thinning costs).
        """
        eeps = _kept_eeps() if thin else np.arange(self.log_age.shape[1])
        rows = self._at_eeps(log_age, eeps)
        fixed = self._at_masses(log_age)
        rows, fixed = (r[:, r[0] <= np.log10(MAX_MASS)] for r in (rows, fixed))
        rows = _increasing(rows)
        edges = np.r_[-np.inf, rows[0], np.inf]
        after = np.searchsorted(rows[0], fixed[0])
        wide = edges[after + 1] - edges[after] > _MAX_GAP
        rows = _increasing(np.concatenate([rows, fixed[:, wide]], axis=1))
        # the lightest and heaviest living stars belong to it, whatever their EEPs beside those of their neighbours
        first, last = fixed[:, :1].copy(), fixed[:, -1:].copy()
        if first[0, 0] < rows[0, 0]:
            first[4] = min(first[4, 0], rows[4, 0] - 0.01)
            rows = np.concatenate([first, rows], axis=1)
        if last[0, 0] > rows[0, -1]:
            last[4] = max(last[4, 0], rows[4, -1] + 0.01)
            rows = np.concatenate([rows, last], axis=1)
        log_m, log_m_act, log_l, log_teff, eep = rows
        agb = (eep >= _AGB_EEP) & (eep <= _LAST_EEP)
        share = np.zeros(eep.size)
        if agb.any():
            mass = 10.0 ** log_m[agb]
            share[agb] = (mass - mass[0]) / max(mass[-1] - mass[0], 1e-12)
        carbon = agb & (share >= carbon_onset)
        return Points(10.0**log_m, log_l, log_teff, 10.0 ** (log_m_act - log_m), carbon, eep)

    def _at_eeps(self, log_age: float, eeps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Rows (log m, log m_act, log L, log Teff, eep) of the mass that has the age at each EEP."""
        age = self.log_age[:, eeps]
        with np.errstate(invalid="ignore"):
            crossing = (age[:-1] >= log_age) & (age[1:] < log_age)  # heavier stars reach an EEP earlier
        found = np.flatnonzero(crossing.any(axis=0))
        low = crossing.shape[0] - 1 - np.argmax(crossing[::-1, found], axis=0)  # the heaviest crossing, if several
        columns = eeps[found]
        younger, older = age[low + 1, found], age[low, found]
        share = (older - log_age) / (older - younger)

        def between(quantity: NDArray[np.float64]) -> NDArray[np.float64]:
            return (1.0 - share) * quantity[low, columns] + share * quantity[low + 1, columns]

        log_m = (1.0 - share) * self.log_m[low] + share * self.log_m[low + 1]
        return np.stack([log_m, between(self.log_m_act), between(self.log_l), between(self.log_teff), columns])

    def _at_masses(self, log_age: float) -> NDArray[np.float64]:
        """The same rows at the tracks' own masses, for stars that are alive at the age."""
        rows = []
        for i, log_m in enumerate(self.log_m):
            valid = np.flatnonzero(np.isfinite(self.log_age[i]))
            age = np.maximum.accumulate(self.log_age[i, valid])
            if not age[0] <= log_age <= age[-1]:
                continue
            columns = (self.log_m_act[i, valid], self.log_l[i, valid], self.log_teff[i, valid], valid)
            rows.append([log_m, *(np.interp(log_age, age, column) for column in columns)])
        return np.array(rows).T


def derived(grid: TrackSet, native: NativeSet, log_age: float, *, thin: bool = True) -> Points:
    """The isochrone of an age from tracks, with what only the published set knows: carbon stars and a late AGB.

    Tracks of low mass (below 1.95 Msun; 2.6 at Z = 0.04) end before the thermally pulsing AGB; from log age 8 up that
    of the published isochrone nearest in age is put on top.
    """
    if thin and np.isclose(KEPT_AGES, log_age).any():
        return _with_eeps(native.isochrone(log_age), grid.isochrone(log_age, thin=False))
    points = grid.isochrone(log_age, native.carbon_onset(log_age), thin=thin)
    return _graft(points, native.pulsing_agb(log_age)) if log_age >= 8.0 else points


def _with_eeps(points: Points, guide: Points) -> Points:
    """Published points with the EEPs that the tracks give their masses at the same age; the last stars coincide."""
    log_m, eep = np.log(guide.m_ini), guide.eep
    if points.m_ini[-1] < MAX_MASS:
        keep = log_m < np.log(points.m_ini[-1])
        log_m, eep = np.r_[log_m[keep], np.log(points.m_ini[-1])], np.r_[eep[keep], eep[-1]]
    own = np.log(points.m_ini)
    found = np.interp(own, log_m, eep)
    below, above = own < log_m[0], own > log_m[-1]
    found[below] = eep[0] + own[below] - log_m[0]
    found[above] = eep[-1] + own[above] - log_m[-1]
    return replace(points, eep=found)


def _graft(points: Points, top: Points | None) -> Points:
    """An isochrone that ends before the thermally pulsing AGB, continued with one of another source."""
    if top is None or points.eep[-1] >= _AGB_EEP or points.eep[-1] < _AGB_EEP - 1:
        return points
    shifted = replace(top, m_ini=top.m_ini + points.m_ini[-1] - top.m_ini[0])
    return Points(*(np.r_[getattr(points, n), getattr(shifted, n)[1:]] for n in Points.__dataclass_fields__))


def select(points: Points, keep: NDArray) -> Points:
    """The stars chosen by a mask or an index array."""
    return Points(*(getattr(points, name)[keep] for name in Points.__dataclass_fields__))


def _cut_at_top(block: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Cut at 120 Msun, with a point exactly there if such stars are alive."""
    mass = block["m_ini"]
    if mass[-1] <= MAX_MASS:
        return block
    n = int(np.searchsorted(mass, MAX_MASS))
    cut = {}
    for name, column in block.items():
        top = np.interp(MAX_MASS, mass, column) if name != "phase" else column[n - 1]
        cut[name] = np.r_[column[:n], top]
    return cut


def _increasing(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows by mass, without the fewest that break the common increase of mass (single precision) and EEP.

    The longest increasing subsequence of the EEPs, by patience sorting (Schensted 1961).
    """
    rows = rows[:, np.argsort(rows[0], kind="stable")]
    mass = (10.0 ** rows[0]).astype(np.float32)
    rows = rows[:, np.r_[mass[1:] > mass[:-1], True]]
    ends: list[float] = []  # smallest last EEP of an increasing run of each length
    where: list[int] = []
    before = np.full(rows.shape[1], -1)
    for k, eep in enumerate(rows[4]):
        length = bisect_left(ends, eep)
        before[k] = where[length - 1] if length else -1
        ends[length : length + 1] = [eep]
        where[length : length + 1] = [k]
    keep, k = [], where[-1]
    while k >= 0:
        keep.append(k)
        k = before[k]
    return rows[:, keep[::-1]]
