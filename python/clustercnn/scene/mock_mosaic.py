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
from clustercnn.scene.synthetic import FieldSettings, synthetic_field
from clustercnn.scene.visibility import snr, structure_variance

if TYPE_CHECKING:
    from collections.abc import Callable

    from astropy.wcs import WCS
    from numpy.typing import NDArray

    from clustercnn.physics import Prior, Survey
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["M83_POSITION", "check_room", "mock_mosaic", "place_clusters"]

M83_POSITION = (
    204.25383,
    -29.86576,
)  # RA, Dec of M83 in degrees: 13h37m00.92s -29d51m56.7s (from memory of the NED entry)
_WINDOW = 64  # pixels about a cluster over which its S/N is summed and its background judged
_FIELD = 2**32  # number of the field; those that a network of the same seed was trained on count from 0
_STAMP = 256  # pixels over which a cluster's light is drawn


def mock_mosaic(
    survey: Survey,
    prior: Prior,
    *,
    size: int,
    clusters: int,
    seed: int,
    separation: float = 40.0,
    field: FieldSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Mosaic, Table]:
    """A noisy mosaic of a synthetic field with clusters in it.

    Args:
        survey: bands, distance, noise, PSFs.
        prior: the clusters; cluster i is the prior's number i.
        size: pixels on a side, at least 256.
        clusters: how many.
        seed: of everything.
        separation: smallest distance between clusters, pixels.
        field: the galaxy.
        progress: called with the number of clusters drawn each time.

    Returns:
        The mosaic, sky-subtracted as drizzled images are, and a table with one row per cluster: id, ra, dec, x, y
        (pixels from 0), the four labels (realised mass), gamma, metallicity, what else the prior varies, and S/N per
        band and in all bands. S/N follows the definition of the training samples, over 64 x 64 pixels, other clusters
        counting as background.

    Raises:
        InvalidInput: a size, a number or a separation that is not allowed, or more clusters than there is room for.
    """
    rng = generator(check_seed(seed), "mosaic")
    x, y = place_clusters(rng, clusters, size=size, separation=separation, margin=_WINDOW / 2)
    base = synthetic_field(survey, size, seed=seed, index=_FIELD, settings=field)
    rate = base.data
    params = prior.sample(clusters, seed=seed)
    log_mass, stamps = _add_clusters(rate, survey, params, x, y, seed=seed, progress=progress)
    per_band = _visibility(rate, stamps, survey, x, y)
    sky = np.array([b.sky for b in survey.bands], np.float32)[:, None, None]
    read_noise = np.array([b.read_noise for b in survey.bands], np.float32)
    noisy = expose((rate + sky)[None], base.exposures, read_noise, seed=seed)[0] - sky
    wcs = tangent_wcs((size, size), ra=M83_POSITION[0], dec=M83_POSITION[1], pixel_scale=survey.pixel_scale)
    mosaic = replace(base, data=np.ascontiguousarray(noisy, np.float32), wcs=wcs, noisy=True)
    return mosaic, _truth(survey, params, wcs, log_mass, per_band, seed=seed, x=x, y=y)


def check_room(n: int, *, size: int, separation: float, margin: float = _WINDOW / 2) -> None:
    """Make sure that ``n`` clusters find a place on ``size`` x ``size`` pixels.

    Raises:
        InvalidInput: a mosaic that is too small, a negative number, or no room: placing at random fills 0.547 of an
            area with discs at most (Feder 1980, J. Theor. Biol. 87, 237).
    """
    if size < _STAMP:
        raise InvalidInput(f"mosaic.size: {size}; at least {_STAMP} pixels are allowed")
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
    progress: Callable[[int], None] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Add each cluster's light to ``rate``; returns realised log masses [n] and the middle of each cluster's image."""
    renderer = Renderer(survey, size=_STAMP, settings=RenderSettings())
    log_mass = np.empty(len(x))
    middles = np.empty((len(x), len(rate), _WINDOW, _WINDOW), np.float32)
    inner = slice((_STAMP - _WINDOW) // 2, (_STAMP + _WINDOW) // 2)
    size = rate.shape[1]
    for i in range(len(x)):
        left, low = (int(np.floor(v)) - _STAMP // 2 for v in (x[i], y[i]))  # the stamp's first pixel on the mosaic
        one = replace(params[i : i + 1], x=np.array([x[i] - left]), y=np.array([y[i] - low]))
        image = renderer.render(one, seed=seed, first=i, log_mass_out=log_mass[i : i + 1])[0]
        middles[i] = image[:, inner, inner]
        rows, columns = slice(max(low, 0), min(low + _STAMP, size)), slice(max(left, 0), min(left + _STAMP, size))
        rate[:, rows, columns] += image[
            :, rows.start - low : rows.stop - low, columns.start - left : columns.stop - left
        ]
        if progress:
            progress(1)
    np.maximum(rate, 0.0, out=rate)
    return log_mass, middles


def _visibility(
    rate: NDArray[np.float32],
    middles: NDArray[np.float32],
    survey: Survey,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """S/N per band [n, band] on the background that each cluster has."""
    exposure = np.array([b.exposure for b in survey.bands])[:, None, None]
    read = np.array([b.read_noise for b in survey.bands])[:, None, None] / exposure
    sky = np.array([b.sky for b in survey.bands])[:, None, None]
    per_band = np.empty((len(x), len(rate)))
    size = rate.shape[1]
    for i in range(len(x)):
        left, low = (int(np.floor(v)) - _WINDOW // 2 for v in (x[i], y[i]))
        rows, columns = slice(max(low, 0), min(low + _WINDOW, size)), slice(max(left, 0), min(left + _WINDOW, size))
        signal = middles[i : i + 1, :, rows.start - low : rows.stop - low, columns.start - left : columns.stop - left]
        everything = rate[None, :, rows, columns]
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
