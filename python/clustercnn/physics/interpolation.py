"""Isochrones at knots in age, and the one between two knots: star blended with like star.

Interpolating at fixed initial mass is wrong, because it mixes a giant with a dwarf. Like stars are those at equal
evolutionary points (EEP), or, where there are none, at an equal share of the largest living mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics.photometry import Points

__all__ = ["BY_EEP", "BY_MASS_SHARE", "SNAP", "Knot", "StarTable", "blend", "strictly_increasing"]

# how a knot may be joined with its neighbours in age
BY_MASS_SHARE, BY_EEP, SNAP = 0, 1, 2


@dataclass(frozen=True)
class Knot:
    """The isochrone of one tabulated age; ``mag`` [n, band] only when it came with magnitudes of its own."""

    log_age: float
    kind: int
    points: Points
    mag: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class StarTable:
    """Stars of one isochrone with everything that is blended between ages; rows by increasing initial mass."""

    eep: NDArray[np.float64]  # [n]
    m_ini: NDArray[np.float64]  # [n]
    values: NDArray[np.float64]  # [n, column]: log L, log Teff, log g, magnitudes, extinction coefficients

    def coordinate(self, by_eep: bool) -> NDArray[np.float64]:
        """What tells like stars of two ages: EEP, or the share of the largest mass."""
        return self.eep if by_eep else self.m_ini / self.m_ini[-1]


def strictly_increasing(mass: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which points to keep, and at which masses, so that masses increase strictly.

    Published masses have single precision, so that fast phases share one mass. Of equal ones the first and the last
    are kept, the first a rounding unit lower: the tip of the giant branch and the star after the helium flash are
    both wanted, as their neighbours are interpolated towards them. Masses below an earlier one are dropped.

    Returns:
        Indices [k] into ``mass`` and the masses [k], distinct in single precision too.
    """
    keep: list[int] = []
    masses: list[float] = []
    rising = np.flatnonzero(mass >= np.maximum.accumulate(mass))
    groups = np.split(rising, np.flatnonzero(np.diff(mass[rising]) > 0.0) + 1)
    for group in groups:
        value = np.float32(mass[group[0]])
        lower = np.nextafter(value, np.float32(0.0))
        before = np.float32(masses[-1]) if masses else np.float32(-1.0)
        if group.size > 1 and lower > before:
            keep.append(int(group[0]))
            masses.append(float(lower))
        if value > before:
            keep.append(int(group[-1]))
            masses.append(float(mass[group[0]]))
    return np.array(keep, dtype=np.intp), np.array(masses)


def blend(young: StarTable, old: StarTable, share: float, *, by_eep: bool) -> StarTable:
    """The isochrone a ``share`` (0 to 1, linear in log age) of the way from ``young`` to ``old``.

    By mass share, rows exist wherever either neighbour has one and both reach; by EEP, where the neighbour with more
    rows has one. The least massive stars are matched with each other, and so are the most massive ones where the
    heaviest star of the table lives at both ages.
    """
    u_young, u_old = young.coordinate(by_eep), old.coordinate(by_eep)
    low, high = max(u_young[0], u_old[0]), min(u_young[-1], u_old[-1])
    denser = u_young if u_young.size > u_old.size else u_old
    u = denser if by_eep else np.union1d(u_young, u_old)
    u = u[(u >= low) & (u <= high)]
    same_top = young.m_ini[-1] == old.m_ini[-1]  # the heaviest stars of the table live at both ages
    top = slice(-1, None) if same_top else slice(0, 0)
    rows_young = np.concatenate([_rows(young)[:1], _at(u, u_young, young), _rows(young)[top]])
    rows_old = np.concatenate([_rows(old)[:1], _at(u, u_old, old), _rows(old)[top]])
    rows = (1.0 - share) * rows_young + share * rows_old
    u = np.r_[low, u, high] if same_top else np.r_[low, u]
    m_ini = np.exp(rows[:, 0])
    keep = np.r_[np.minimum.accumulate(m_ini[::-1])[::-1][1:] > m_ini[:-1], True]
    return StarTable(u[keep], m_ini[keep], rows[keep, 1:])


def _rows(table: StarTable) -> NDArray[np.float64]:
    return np.concatenate([np.log(table.m_ini)[:, None], table.values], axis=1)


def _at(u: NDArray[np.float64], nodes: NDArray[np.float64], table: StarTable) -> NDArray[np.float64]:
    """All columns at coordinates ``u`` inside the nodes, linear between them."""
    right = np.clip(np.searchsorted(nodes, u, side="left"), 1, nodes.size - 1)
    share = ((u - nodes[right - 1]) / (nodes[right] - nodes[right - 1]))[:, None]
    rows = _rows(table)
    return (1.0 - share) * rows[right - 1] + share * rows[right]
