"""A batch of clusters and star lists as structures that point into a parcel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.render.cuda.layout import CLUSTERS, STAR_LISTS
from clustercnn.render.cuda.memory import address

if TYPE_CHECKING:
    from clustercnn.render.backends import ClusterColumns
    from clustercnn.render.cuda.memory import Parcel
    from clustercnn.render.star_lists import StarLists

__all__ = ["pack_clusters", "pack_lists"]

SHAPE = ("a_v", "x", "y", "scale", "exponent")
VARIETY = ("binary_fraction", "stretch", "cosine", "sine", "segregation", "a_v_scatter")


def pack_clusters(clusters: ClusterColumns | None, parcel: Parcel, base: int = 0) -> np.ndarray:
    """A ``CLUSTERS`` whose arrays are in the parcel, which will lie at the address ``base``; of no clusters if None."""
    out = np.zeros((), dtype=CLUSTERS)
    if clusters is None:
        return out
    out["n"], out["seed"] = clusters.index.size, clusters.seed
    for name in ("index", "population", "mean_count", "psf"):
        out[name] = base + parcel.add(getattr(clusters, name))
    for name, row in zip(SHAPE, clusters.shape, strict=True):
        out[name] = base + parcel.add(row)
    if clusters.radius2 is not None:
        out["radius2"] = base + parcel.add(clusters.radius2)
    out["faint"]["fraction"] = clusters.faint_fraction
    for name, row in zip(("floor", "seconds", "peak"), clusters.faint, strict=True):
        out["faint"][name] = base + parcel.add(row)
    if clusters.variety is not None:
        for name, row in zip(VARIETY, clusters.variety, strict=True):
            out["variety"][name] = base + parcel.add(row)
    base_q, slope, power, logarithmic, mean_mass = clusters.law
    out["variety"]["ratio"] = (base_q, slope, power, logarithmic != 0)
    out["variety"]["mean_mass"] = mean_mass
    return out


def pack_lists(lists: StarLists, parcel: Parcel, base: int = 0) -> np.ndarray:
    """A ``STAR_LISTS`` whose arrays are in the parcel."""
    out = np.zeros((), dtype=STAR_LISTS)
    out["n"] = len(lists)
    for name in ("first", "x", "y", "flux", "psf"):
        column = getattr(lists, name)  # x, y and flux may be on the device already
        out[name] = base + parcel.add(column) if isinstance(column, np.ndarray) else address(column)
    return out
