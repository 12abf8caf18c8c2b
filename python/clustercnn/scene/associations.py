"""OB associations: loose groups of young stars, larger than any cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REACH", "clumped_offsets", "group_masses"]

# of a group, in sigma, along x and along y; a member of a subgroup scatters by 1.12 sigma, and 3e-5 of them lie beyond
REACH = 5.0


def group_masses(
    rng: np.random.Generator, total: float, *, smallest: float = 300.0, largest: float = 3e4
) -> NDArray[np.float64]:
    """Masses of stellar groups in Msun, dN/dM ~ M^-2, whose expected sum is ``total``.

    The slope is that of young clusters and associations alike (Krumholz, McKee & Bland-Hawthorn 2019, ARA&A 57, 227).
    """
    mean = np.log(largest / smallest) / (1 / smallest - 1 / largest)
    u = rng.random(rng.poisson(total / mean))
    return 1 / (1 / smallest - u * (1 / smallest - 1 / largest))


def clumped_offsets(
    rng: np.random.Generator, n: int, *, sigma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places of ``n`` stars around the middle of a group of size ``sigma``, in its unit.

    Half of the stars spread over the whole group, half sit in a few subgroups of half its size: young groups
    are hierarchical (Gouliermis 2018, PASP 130, 072001). None lies further out than ``REACH`` sigma along x or y: those
    beyond are put there.
    """
    subgroups = rng.integers(2, 6)
    centres = rng.normal(0.0, sigma, (subgroups, 2))
    offsets = rng.normal(0.0, sigma, (n, 2))
    inside = rng.random(n) < 0.5
    chosen = centres[rng.integers(0, subgroups, int(inside.sum()))]
    offsets[inside] = chosen + offsets[inside] / 2
    offsets.clip(-REACH * sigma, REACH * sigma, out=offsets)
    return offsets[:, 0], offsets[:, 1]
