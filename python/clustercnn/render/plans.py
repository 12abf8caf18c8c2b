"""How star lists are drawn to a stated error: grid, window, domains, and the transfer from grid to pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import AccuracyWarning, InvalidInput
from clustercnn.render.cost import drawing_cost
from clustercnn.render.kernels import KernelSpectrum, fourier_series, friendly, kernel_spectrum, ringing
from clustercnn.render.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clustercnn.physics.psf import Psf
    from clustercnn.render.settings import RenderSettings

__all__ = ["BandModes", "GridPlan", "Period", "plan_grid"]

# Shares of the tolerance that modes left out may take; the window's aliases take what is left of BUDGET, fitting the
# window's polynomials FIT_SHARE, and rounding the rest
MODES_SHARES, BUDGET, FIT_SHARE = (0.45, 0.6, 0.75), 0.9, 0.03
# Cells per pixel: eighths, so that domains, which are multiples of 8, hold whole cells; 5-smooth, as the transforms are
DENSITIES = tuple(
    n / 8 for n in (9, 10, 12, 15, 16, 18, 20, 24, 25, 27, 30, 32, 36, 40, 45, 48, 54, 60, 72, 80, 96, 128)
)
SCALES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
MOST_TAPS = 8
# The least tolerance for which single precision suffices: its rounding reaches 1e-6 of the peak
SINGLE_PRECISION = 1e-5
TYPICAL_STARS = 3e3  # of a cluster: what the choice of a grid is made for


@dataclass(frozen=True, eq=False)
class BandModes:
    """What one band's kernels hold over a domain.

    Attributes:
        modes: the highest mode K along an axis.
        radius: of the circle that holds the modes that matter.
        response: float64 [K + 1], the window's transform.
        transfer: complex128 [psf, K + 1, 2 K + 1]: kernel / window for ky from 0, kx from -K, scaled so that the
            inverse transform over the domain gives e-/s per pixel.
    """

    modes: int
    radius: float
    response: NDArray[np.float64]
    transfer: NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Period:
    """A periodic domain that Fourier transforms act on: its width in pixels and in cells, and each band's modes."""

    pixels: int
    cells: int
    bands: tuple[BandModes, ...]


@dataclass(frozen=True, eq=False)
class GridPlan:
    """The drawing of one frame in all bands.

    Attributes:
        size: the frame is size x size pixels.
        margin: pixels of the grid before the frame.
        reach: pixels beyond the frame from which light comes: the widest kernel's radius.
        cells_per_pixel: of the grid.
        window: through which stars are put on it.
        taps: float64 [degree + 1, taps], the window's polynomials.
        periods: domains by rising size. An image is made over the smallest in which none of its stars' light wraps
            round into the frame; the last holds every star that reaches it.
        double_precision: whether single precision would not do.
        error: predicted error over the peak, with what is kept for rounding and for places between those looked at.
    """

    size: int
    margin: int
    reach: float
    cells_per_pixel: float
    window: Window
    taps: NDArray[np.float64]
    periods: tuple[Period, ...]
    double_precision: bool
    error: float


def plan_grid(size: int, psfs: Sequence[Sequence[Psf]], settings: RenderSettings) -> GridPlan:
    """The cheapest grid and window whose predicted error is below the tolerance.

    Args:
        size: of the frame, pixels.
        psfs: [band][psf], as many in each band.
        settings: ``tolerance`` and, where they are given, ``taps``.

    Raises:
        InvalidInput: no grid meets the tolerance.

    Warns:
        AccuracyWarning: a kernel is sampled so coarsely that its interpolant rings beyond its array, where nothing is
            drawn, by more than the tolerance leaves.
    """
    tolerance = settings.tolerance
    choice = _cheapest(tuple(tuple(kernel_spectrum(psf) for psf in band) for band in psfs), tolerance, settings.taps)
    window, density, cutoffs = choice.window, choice.density, choice.cutoffs
    error = choice.error + (1.0 - BUDGET) * tolerance + _ringing(psfs, tolerance)
    reach = max(psf.radius for band in psfs for psf in band)
    half_window = window.taps / 2 + 1
    return GridPlan(
        size=size,
        margin=int(np.ceil(reach + half_window / density)),
        reach=reach,
        cells_per_pixel=density,
        window=window,
        taps=window.polynomials(FIT_SHARE * tolerance),
        periods=tuple(
            Period(
                pixels,
                round(pixels * density),
                tuple(_band_modes(band, pixels, density, c, window) for band, c in zip(psfs, cutoffs, strict=True)),
            )
            for pixels in _domains(size, reach, 2 * half_window / density)
        ),
        double_precision=tolerance < SINGLE_PRECISION,
        error=error,
    )


def _ringing(psfs: Sequence[Sequence[Psf]], tolerance: float) -> float:
    """Bound of what kernels ring beyond their arrays, over the peak; warns if that is too much.

    Twice what is found along rows and columns: a star between pixels has a lower peak, and rings along both axes. Up to
    half the tolerance is let pass, as the other errors reach half of what is predicted.
    """
    ring = max(ringing(psf) for band in psfs for psf in band)
    if ring <= tolerance / 2:
        return 0.0
    warnings.warn(
        f"a kernel is sampled so coarsely that its interpolant rings by {ring:.1g} of the peak beyond its array, where "
        f"nothing is drawn: images are right to about that, not to the tolerance of {tolerance:g}; sample it finer",
        AccuracyWarning,
        stacklevel=4,
    )
    return 2.0 * ring


@dataclass(frozen=True)
class _Choice:
    cost: float
    window: Window
    density: float
    cutoffs: tuple[float, ...]
    error: float


@lru_cache(maxsize=64)
def _cheapest(spectra: tuple[tuple[KernelSpectrum, ...], ...], tolerance: float, taps: int) -> _Choice:
    """The cheapest grid density and window among all that meet the tolerance; ``taps`` 0 leaves their number free."""
    best: _Choice | None = None
    for share in MODES_SHARES:
        cutoffs = tuple(max(s.cutoff(share * tolerance) for s in band) for band in spectra)
        for width in [taps] if taps else range(2, MOST_TAPS + 1):
            for density in DENSITIES:
                cost = drawing_cost(density, width, cutoffs, TYPICAL_STARS)
                if best is not None and cost >= best.cost:
                    break
                window, error = _best_window(width, density, spectra, cutoffs)
                if error <= (BUDGET - share) * tolerance:
                    best = _Choice(cost, window, density, cutoffs, error + share * tolerance)
                    break
    if best is None:
        with_taps = f" with {taps} taps" if taps else ""
        raise InvalidInput(f"tolerance: {tolerance:g} cannot be met{with_taps} for kernels as sharp as these")
    return best


def _best_window(
    taps: int, density: float, spectra: tuple[tuple[KernelSpectrum, ...], ...], cutoffs: tuple[float, ...]
) -> tuple[Window, float]:
    """The window of least error, and its error in the worst band."""
    highest = max(min(c, float(s.frequency.max())) for band, c in zip(spectra, cutoffs, strict=True) for s in band)
    oversampling = density / (2 * highest)
    best: tuple[Window, float] = (Window(taps, 1.0), np.inf)
    if oversampling <= 1.0:
        return best
    frequency = np.linspace(0.0, highest, 48)
    for scale in SCALES:
        window = Window.for_oversampling(taps, oversampling, scale)
        alias = window.alias(frequency / density)
        error = max(s.window_error(frequency, alias, c) for band, c in zip(spectra, cutoffs, strict=True) for s in band)
        if error < best[1]:
            best = (window, error)
    return best


def _domains(size: int, reach: float, window: float) -> Iterator[int]:
    """Widths in pixels: for stars inside the frame, for those up to half the reach outside, and for all.

    ``window`` pixels are added to the last, which must hold the windows of stars on both sides too.
    """
    least = next(friendly(int(np.ceil(size + reach + 0.5))))
    middle = next(friendly(int(np.ceil(size + 1.5 * reach + 0.5))))
    most = next(friendly(int(np.ceil(size + 2 * reach + window))))
    yield from sorted({min(least, most), middle if middle < 0.9 * most else most, most})


def _band_modes(psfs: Sequence[Psf], pixels: int, density: float, cutoff: float, window: Window) -> BandModes:
    nyquist = max(psf.oversample for psf in psfs) * pixels // 2
    modes = min(max(int(cutoff * pixels), 1), nyquist - 1)
    response = window.transform(np.arange(modes + 1) / (density * pixels))
    kx, radius = np.abs(np.arange(-modes, modes + 1)), cutoff * pixels
    scale = pixels**2 * np.outer(response, response[kx])
    inside = np.hypot.outer(np.arange(modes + 1), kx) <= radius  # exactly, so that every backend leaves out the same
    transfer = [np.where(inside, fourier_series(psf, pixels, modes)[modes:] / scale, 0.0) for psf in psfs]
    return BandModes(modes, radius, response, np.stack(transfer))
