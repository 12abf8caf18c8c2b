"""A whole mock observation of a galaxy with clusters at known places, and the truth about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Column, Table

from clustercnn.errors import InvalidInput
from clustercnn.labels import LABELS, VARIETY, VARIETY_UNITS, ClusterParams
from clustercnn.render import Renderer, RenderSettings, expose
from clustercnn.scene.counters import check_seed, generator
from clustercnn.scene.files import package_version
from clustercnn.scene.fits_output import tangent_wcs
from clustercnn.scene.streaming import LARGEST_FIELD, FieldStep
from clustercnn.scene.synthetic import FieldSettings, synthetic_field
from clustercnn.scene.visibility import snr, structure_variance

if TYPE_CHECKING:
    from collections.abc import Callable

    from astropy.wcs import WCS
    from numpy.typing import NDArray

    from clustercnn.physics import Prior, Survey
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["M83_POSITION", "check_room", "fill_mosaic", "mock_mosaic", "place_clusters"]

M83_POSITION = (
    204.25383,
    -29.86576,
)  # RA, Dec of M83 in degrees: 13h37m00.92s -29d51m56.7s (from memory of the NED entry)
_WINDOW = 64  # pixels about a cluster over which its S/N is summed and its background judged
_FIELD = 2**32  # number of the field; those that a network of the same seed was trained on count from 0
_STAMP = 256  # pixels over which a cluster's light is drawn
_NOISE_ROWS = 64  # rows of pixels that get their noise at once


def mock_mosaic(
    survey: Survey,
    prior: Prior,
    *,
    size: int,
    clusters: int,
    seed: int,
    separation: float = 40.0,
    field: FieldSettings | None = None,
    progress: Callable[[FieldStep], None] | None = None,
) -> tuple[Mosaic, Table]:
    """A noisy mosaic of a synthetic field with clusters in it, in memory; ``fill_mosaic`` for larger ones.

    Args:
        size: pixels on a side, at least 256.
        survey, prior, clusters, seed, separation, field, progress: see ``fill_mosaic``.

    Returns:
        See ``fill_mosaic``.

    Raises:
        InvalidInput: a size, a number or a separation that is not allowed, or more clusters than there is room for.
    """
    check_room(clusters, size=size, separation=separation)
    out = np.empty((len(survey.bands), size, size), dtype=np.float32)
    options = {"clusters": clusters, "seed": seed, "separation": separation, "field": field, "progress": progress}
    return fill_mosaic(out, survey, prior, **options)


def fill_mosaic(
    out: NDArray[np.float32],
    survey: Survey,
    prior: Prior,
    *,
    clusters: int,
    seed: int,
    separation: float = 40.0,
    field: FieldSettings | None = None,
    progress: Callable[[FieldStep], None] | None = None,
) -> tuple[Mosaic, Table]:
    """A noisy mosaic of a synthetic field with clusters in it, made in place and some rows or stamps at a time.

    Args:
        out: float32 [band, size, size] to fill, at least 256 pixels on a side; ``np.memmap`` if larger than memory.
        survey: bands, distance, noise, PSFs.
        prior: the clusters; cluster i is the prior's number i.
        clusters: how many.
        seed: of everything.
        separation: smallest distance between clusters, pixels.
        field: the galaxy.
        progress: called with a ``FieldStep`` after each tile of the field, each cluster, and some rows of noise.

    Returns:
        The mosaic, which holds ``out``, sky-subtracted as drizzled images are, and a table with one row per cluster:
        id, ra, dec, x, y (pixels from 0), the four labels (realised mass), gamma, metallicity, what else the prior
        varies, and S/N per band and in all bands. S/N follows the definition of the training samples, over 64 x 64
        pixels, other clusters counting as background.

    Raises:
        InvalidInput: a size, a number or a separation that is not allowed, or more clusters than there is room for.
    """
    prior.check(survey.table)
    size = out.shape[-1]
    rng = generator(check_seed(seed), "mosaic")
    x, y = place_clusters(rng, clusters, size=size, separation=separation, margin=_WINDOW / 2)
    base = synthetic_field(survey, size, seed=seed, index=_FIELD, settings=field, out=out, progress=progress)
    params = prior.sample(clusters, seed=seed)
    log_mass = _add_clusters(out, survey, params, x, y, seed=seed, progress=progress)
    per_band = _visibility(out, survey, params, x, y, seed=seed)
    _add_noise(base, survey, seed=seed, progress=progress)
    wcs = tangent_wcs((size, size), ra=M83_POSITION[0], dec=M83_POSITION[1], pixel_scale=survey.pixel_scale)
    mosaic = replace(base, wcs=wcs, noisy=True)
    return mosaic, _truth(survey, params, wcs, log_mass, per_band, seed=seed, x=x, y=y)


def check_room(n: int, *, size: int, separation: float, margin: float = _WINDOW / 2) -> None:
    """Make sure that ``n`` clusters find a place on ``size`` x ``size`` pixels.

    Raises:
        InvalidInput: a mosaic that is too small, a negative number, or no room: placing at random fills 0.547 of an
            area with discs at most (Feder 1980, J. Theor. Biol. 87, 237).
    """
    if not _STAMP <= size <= LARGEST_FIELD:
        raise InvalidInput(f"mosaic.size: {size}; at least {_STAMP} and at most {LARGEST_FIELD} pixels are allowed")
    if n < 0 or not separation >= 0:
        raise InvalidInput(f"mosaic.clusters, mosaic.separation: {n}, {separation}; values >= 0 are allowed")
    filled = n * np.pi * (separation / 2) ** 2 / (size - 1 - 2 * margin + separation) ** 2
    if filled > 0.5:
        raise InvalidInput(
            f"mosaic.clusters: {n} clusters {separation:g} pixels apart fill {filled:.0%} of {size} x {size} pixels; "
            "up to 50% is allowed"
        )


def place_clusters(
    rng: np.random.Generator, n: int, *, size: int, separation: float, margin: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Random places (x, y) in pixels, no two closer than ``separation``, all ``margin`` inside the edges.

    Raises:
        InvalidInput: see ``check_room``.
    """
    check_room(n, size=size, separation=separation, margin=margin)
    side = size - 1 - 2 * margin
    places = np.empty((n, 2))
    cell = max(separation, 1.0)
    grid: dict[tuple[int, int], list[int]] = {}
    for i in range(n):
        while True:
            place = margin + rng.random(2) * side
            column, row = (int(v // cell) for v in place)
            near = [
                k for c in range(column - 1, column + 2) for r in range(row - 1, row + 2) for k in grid.get((c, r), ())
            ]
            if not near or np.min(np.hypot(*(places[near] - place).T)) >= separation:
                break
        places[i] = place
        grid.setdefault((column, row), []).append(i)
    return places[:, 0], places[:, 1]


def _add_clusters(
    rate: NDArray[np.float32],
    survey: Survey,
    params: ClusterParams,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    seed: int,
    progress: Callable[[FieldStep], None] | None,
) -> NDArray[np.float64]:
    """Add each cluster's light to ``rate``; returns realised log masses [n]."""
    renderer = Renderer(survey, size=_STAMP, settings=RenderSettings())
    log_mass = np.empty(len(x))
    for i in range(len(x)):
        one, pixels, part = _stamp(params, i, x[i], y[i], stamp=_STAMP, size=rate.shape[1])
        image = renderer.render(one, seed=seed, first=i, log_mass_out=log_mass[i : i + 1])[0]
        place = rate[pixels]
        place += image[part]
        # the renderer's rounding leaves about -1e-6 of a peak; no rate is negative
        np.maximum(place, 0.0, out=place)
        if progress:
            progress(FieldStep("clusters", i + 1, len(x)))
    return log_mass


def _stamp(
    params: ClusterParams, i: int, x: float, y: float, *, stamp: int, size: int
) -> tuple[ClusterParams, tuple[slice, slice, slice], tuple[slice, slice, slice]]:
    """Cluster i in a stamp about (x, y): its parameters there, and the pixels of mosaic and stamp that overlap."""
    left, low = (int(np.floor(v)) - stamp // 2 for v in (x, y))  # the stamp's first pixel on the mosaic
    rows, columns = (slice(max(first, 0), min(first + stamp, size)) for first in (low, left))
    inside = slice(rows.start - low, rows.stop - low), slice(columns.start - left, columns.stop - left)
    one = replace(params[i : i + 1], x=np.array([x - left]), y=np.array([y - low]))
    return one, (slice(None), rows, columns), (slice(None), *inside)


def _add_noise(base: Mosaic, survey: Survey, *, seed: int, progress: Callable[[FieldStep], None] | None) -> None:
    """Turn noise-free rates into observed ones in place; each row of pixels is an exposure with a number of its own."""
    sky = np.array([b.sky for b in survey.bands], np.float32)[:, None]
    read_noise = np.array([b.read_noise for b in survey.bands], np.float32)
    size = base.data.shape[1]
    for first in range(0, size, _NOISE_ROWS):
        rows = base.data[:, first : first + _NOISE_ROWS]
        rate = np.ascontiguousarray(rows.transpose(1, 0, 2) + sky)[:, :, None]  # [row, band, 1, x]
        expose(rate, base.exposures, read_noise, seed=seed, first=_FIELD + first, out=rate)
        rows[:] = (rate[:, :, 0] - sky).transpose(1, 0, 2)
        if progress:
            progress(FieldStep("noise", min(first + _NOISE_ROWS, size), size))


def _visibility(
    rate: NDArray[np.float32],
    survey: Survey,
    params: ClusterParams,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    seed: int,
) -> NDArray[np.float64]:
    """S/N per band [n, band] on the background that each cluster has.

    Each cluster is drawn again, the same stars by the same seed, rather than all of their images kept.
    """
    renderer = Renderer(survey, size=_WINDOW, settings=RenderSettings())
    exposure = np.array([b.exposure for b in survey.bands])[:, None, None]
    read = np.array([b.read_noise for b in survey.bands])[:, None, None] / exposure
    sky = np.array([b.sky for b in survey.bands])[:, None, None]
    per_band = np.empty((len(x), len(rate)))
    for i in range(len(x)):
        one, pixels, part = _stamp(params, i, x[i], y[i], stamp=_WINDOW, size=rate.shape[1])
        signal = renderer.render(one, seed=seed, first=i)[:, *part]
        everything = rate[None, *pixels]
        structure = structure_variance(everything - signal)[1][:, :, None, None]
        per_band[i] = snr(signal, (everything + sky) / exposure + read**2 + structure)[0][0]
    return per_band


def _truth(
    survey: Survey,
    params: ClusterParams,
    wcs: WCS,
    log_mass: NDArray[np.float64],
    per_band: NDArray[np.float64],
    *,
    seed: int,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> Table:
    ra, dec = wcs.pixel_to_world_values(x, y)
    table = Table({"id": np.arange(len(params))})
    for name, values, unit in (("ra", ra, "deg"), ("dec", dec, "deg"), ("x", x, "pix"), ("y", y, "pix")):
        table[name] = Column(values, unit=unit)
    for label in LABELS:
        values = log_mass if label.name == "log_mass" else getattr(params, label.name)
        table[label.name] = Column(values, unit=label.unit)
    table["gamma"], table["metallicity"] = params.gamma, params.metallicity
    for name in VARIETY:
        if getattr(params, name) is not None:
            table[name] = Column(getattr(params, name), unit=VARIETY_UNITS.get(name, ""))
    for k, name in enumerate(survey.band_names):
        table[f"snr_{name}"] = per_band[:, k]
    table["snr"] = np.sqrt(np.square(per_band).sum(axis=1))
    table.meta = {
        "survey": survey.name,
        "seed": seed,
        "version": package_version(),
        "x, y": "pixels; the centre of the first pixel is 0",
    }
    return table
