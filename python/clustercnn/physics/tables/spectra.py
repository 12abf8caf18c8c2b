"""Stellar spectra turned into magnitudes: which library speaks for which star, and on what grid.

Spectra are F_lambda of a star divided by its bolometric flux (1/A). Normal stars: ATLAS9 models (Castelli & Kurucz
2004) from 3500 to 50000 K; below, the observed spectra of Pickles (1998), giants for log g <= 2.5 and dwarfs for
log g >= 3.5; the mean magnitude of both at 3500 K; above 50000 K the Rayleigh-Jeans slope. Wolf-Rayet stars: CMFGEN
(Smith, Norris & Crowther 2002). Carbon stars: Aringer et al. (2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import DataFileError
from clustercnn.physics.photometry import L_SUN_ERG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["LOGG", "LOG_TEFF", "MH", "SpectralLibrary"]

MH = np.array([0.0, 0.2, 0.5])
LOGG = np.arange(-1.0, 5.51, 0.5)
_MH_FILES = ("ck04_p00.npz", "ck04_p02.npz", "ck04_p05.npz")
_COOL = np.arange(3.35, 3.53, 0.0125)
_HOT = np.arange(4.75, 5.41, 0.05)
_KURUCZ = np.log10(np.r_[np.arange(3500.0, 13000.0, 250.0), np.arange(13000.0, 50001.0, 1000.0)])
LOG_TEFF = np.r_[_COOL, _KURUCZ, _HOT]
_GIANT_LOGG, _DWARF_LOGG = 2.5, 3.5
_RAYLEIGH_JEANS = 7.5  # mag per dex of temperature at fixed luminosity: flux goes as R^2 T, and R^2 as L T^-4
_TEN_PC_CM = 3.0856775814913673e19


@dataclass(frozen=True)
class SpectralLibrary:
    """The spectra of ``folder`` (files as in the documented inputs), integrated by a function given at the call.

    The function takes wavelengths [w] and spectra [n, w] and returns counts [n, k]; everything here returns
    magnitudes -2.5 log10 of those counts, so that k may run over bands, extinction laws and A_V alike.
    """

    folder: Path

    def normal(self, mh_index: int, integrate: Callable[[NDArray, NDArray], NDArray]) -> NDArray[np.float64]:
        """Magnitudes [log_teff, logg, k] on (LOG_TEFF, LOGG) at ``MH[mh_index]``."""
        with np.load(self.folder / _MH_FILES[mh_index], allow_pickle=False) as file:
            flux, valid = file["flux"].astype(np.float64), file["valid"]
            wavelength, teff, logg = (file[name].astype(np.float64) for name in ("wavelength", "teff", "logg"))
        if not np.allclose(np.log10(teff), _KURUCZ, atol=1e-6):
            raise DataFileError(f"{self.folder / _MH_FILES[mh_index]}: other temperatures; expected 3500 to 50000 K")
        counts = np.stack([integrate(wavelength, row) for row in flux])  # [teff, logg, k]
        kurucz = np.stack([_fill_gravity(logg, c, v) for c, v in zip(counts, valid, strict=True)])
        cool = self._cool(np.r_[_COOL, _KURUCZ[0]], integrate)
        kurucz[0] = 0.5 * (kurucz[0] + cool[-1])
        hot = kurucz[-1] + _RAYLEIGH_JEANS * (_HOT - _KURUCZ[-1])[:, None, None]
        return np.concatenate([cool[:-1], kurucz, hot])

    def _cool(self, log_teff: NDArray, integrate: Callable[[NDArray, NDArray], NDArray]) -> NDArray[np.float64]:
        """Magnitudes [n, logg, k] of M stars: interpolated in the spectral sequences of giants and dwarfs."""
        with np.load(self.folder / "pickles_cool.npz", allow_pickle=False) as file:
            kinds, teff = file["sptype"], file["log_teff"].astype(np.float64)
            wavelength, flux = file["wavelength"].astype(np.float64), file["flux"].astype(np.float64)
        sequences = []
        for is_member in (lambda s: s.endswith("III"), lambda s: s.endswith("V")):
            rows = np.array([i for i, s in enumerate(kinds) if is_member(str(s))])
            rows = rows[np.argsort(teff[rows])]
            counts = integrate(wavelength, flux[rows])
            sequences.append(_interpolate(log_teff, teff[rows], -2.5 * np.log10(counts)))
        share = np.clip((LOGG - _GIANT_LOGG) / (_DWARF_LOGG - _GIANT_LOGG), 0.0, 1.0)[None, :, None]
        giants, dwarfs = (s[:, None, :] for s in sequences)
        return (1.0 - share) * giants + share * dwarfs

    def wolf_rayet(self, kind: str, integrate: Callable) -> tuple[NDArray, NDArray, NDArray]:
        """Metallicities [z], temperatures [t] and magnitudes [z, t, k] of WN or WC stars (kind "wn", "wc")."""
        with np.load(self.folder / f"cmfgen_{kind}.npz", allow_pickle=False) as file:
            z, log_teff = file["Z"].astype(np.float64), file["log_teff"].astype(np.float64)
            wavelength, flux = file["wavelength"].astype(np.float64), file["flux"].astype(np.float64)
        return z, log_teff, np.stack([-2.5 * np.log10(integrate(wavelength, row)) for row in flux])

    def carbon(self, integrate: Callable[[NDArray, NDArray], NDArray]) -> tuple[NDArray, NDArray]:
        """Temperatures [t] and magnitudes [t, k] of carbon stars.

        The spectra start at 3523 A, so the bands bluer than that see hardly anything: such stars are dark there.
        """
        with np.load(self.folder / "aringer_crich.npz", allow_pickle=False) as file:
            log_teff = np.log10(file["teff"].astype(np.float64))
            wavelength, flux = file["wavelength"].astype(np.float64), file["flux"].astype(np.float64)
        return log_teff, -2.5 * np.log10(np.maximum(integrate(wavelength, flux), 1e-30))


def solar_luminosity_at_ten_pc() -> float:
    """Bolometric flux of 1 Lsun at 10 pc, erg/s/cm2."""
    return L_SUN_ERG_S / (4.0 * np.pi * _TEN_PC_CM**2)


def _fill_gravity(logg: NDArray, counts: NDArray, valid: NDArray) -> NDArray[np.float64]:
    """Magnitudes [LOGG, k] of one temperature: interpolated in log g, clamped to the models that exist."""
    return _interpolate(LOGG, logg[valid], -2.5 * np.log10(counts[valid]))


def _interpolate(x: NDArray, nodes: NDArray, values: NDArray) -> NDArray[np.float64]:
    return np.stack([np.interp(x, nodes, column) for column in values.T], axis=1)
