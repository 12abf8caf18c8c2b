"""Extinction of stars through bands: A_band(A_V) = c1 A_V + c2 A_V^2, by law, band, temperature and gravity.

A broad band's effective wavelength moves with the colour of the star and with A_V itself; c1 carries the first,
c2 the second. The coefficients are fits over 0 <= A_V <= 5 (see ``tables/dust.py``), good to 0.003 mag for stars hotter
than 6000 K in every band but F275W. In cooler stars the red leak of the ultraviolet filters takes over at high A_V: up
to 0.05 mag of error in F336W and 0.15 in F275W, where such stars give no light that matters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.physics.photometry import trilinear

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from clustercnn.physics.photometry import Points

__all__ = ["MAX_A_V", "ExtinctionGrids"]

MAX_A_V = 5.0  # mag; beyond it the quadratic is an extrapolation


@dataclass(frozen=True)
class ExtinctionGrids:
    """Coefficients (c1, c2) on regular axes, for normal stars and for carbon stars."""

    laws: tuple[str, ...]
    mh: NDArray[np.float64]
    log_teff: NDArray[np.float64]
    logg: NDArray[np.float64]
    normal: NDArray[np.float32]  # [law, mh, log_teff, logg, band, 2]
    carbon_log_teff: NDArray[np.float64]
    carbon: NDArray[np.float32]  # [law, log_teff, band, 2]

    def coefficients(
        self, law: str, log_teff: ArrayLike, logg: ArrayLike, *, mh: float, bands: ArrayLike
    ) -> NDArray[np.float64]:
        """Coefficients [n, len(bands), 2] of normal stars; all coordinates are clipped to the grid.

        Args:
            law: one of ``laws``.
            log_teff: log10 of the effective temperature in K, [n].
            logg: log10 of the surface gravity in cm/s2, [n].
            mh: [M/H].
            bands: indices of the wanted bands.
        """
        log_teff, logg = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (log_teff, logg))
        where = (np.full(log_teff.shape, mh), log_teff, logg)
        axes = (self.mh, self.log_teff, self.logg)
        return self._look_up(self.normal[self.laws.index(law)], axes, where, bands=bands)

    def of_points(self, law: str, points: Points, *, mh: float, bands: ArrayLike) -> NDArray[np.float64]:
        """Coefficients [n, len(bands), 2] of the stars of one isochrone, carbon stars by their own spectra."""
        found = self.coefficients(law, points.log_teff, points.logg, mh=mh, bands=bands)
        if points.carbon.any():
            own = self.carbon[self.laws.index(law)]
            where = (points.log_teff[points.carbon],)
            found[points.carbon] = self._look_up(own, (self.carbon_log_teff,), where, bands=bands)
        return found

    def only(self, bands: list[int]) -> ExtinctionGrids:
        """The same grids with the bands of these indices, in this order."""
        return replace(self, normal=self.normal[..., bands, :], carbon=self.carbon[..., bands, :])

    @staticmethod
    def _look_up(grid: NDArray, axes: tuple, where: tuple, *, bands: ArrayLike) -> NDArray[np.float64]:
        chosen = grid[..., np.asarray(bands), :]
        flat = trilinear(axes, chosen.reshape(*chosen.shape[:-2], -1), where)
        return flat.reshape(flat.shape[0], *chosen.shape[-2:])
