"""Extinction through the bands: A_band(A_V) of a spectrum under a law, as c1 A_V + c2 A_V^2.

The laws come from the package ``dust_extinction`` (Gordon 2024, JOSS 9, 7023), needed only to build the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import MissingBackend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics.photometry import Bandpass

__all__ = ["A_V_NODES", "LAWS", "AttenuatedIntegrator", "fit_quadratic", "law_curve"]

# name in the package: (class, keyword arguments, reference)
LAWS = {
    "CCM89": ("CCM89", {"Rv": 3.1}, "Cardelli, Clayton & Mathis 1989, ApJ 345, 245; R_V 3.1"),
    "O94": ("O94", {"Rv": 3.1}, "O'Donnell 1994, ApJ 422, 158; R_V 3.1"),
    "F99": ("F99", {"Rv": 3.1}, "Fitzpatrick 1999, PASP 111, 63; R_V 3.1"),
    "F19": ("F19", {"Rv": 3.1}, "Fitzpatrick et al. 2019, ApJ 886, 108; R_V 3.1"),
    "G03_LMCAvg": ("G03_LMCAvg", {}, "Gordon et al. 2003, ApJ 594, 279; LMC average"),
    "G03_LMC2": ("G03_LMC2", {}, "Gordon et al. 2003, ApJ 594, 279; LMC2 supershell"),
    "G03_SMCBar": ("G03_SMCBar", {}, "Gordon et al. 2003, ApJ 594, 279; SMC bar"),
}
A_V_NODES = np.r_[0.0, 0.1, np.arange(0.25, 5.01, 0.25)]


def law_curve(name: str, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
    """A(lambda)/A_V of a law at wavelengths in A.

    Raises:
        MissingBackend: ``dust_extinction`` is not installed.
    """
    try:
        from astropy import units
        from dust_extinction import averages, parameter_averages
    except ImportError as error:
        raise MissingBackend(
            f"extinction law {name}: building tables needs dust_extinction, which is not installed; "
            "pip install 'clustercnn[tables]'"
        ) from error
    model, arguments, _ = LAWS[name]
    law = getattr(parameter_averages, model, None) or getattr(averages, model)
    return np.asarray(law(**arguments)(wavelength * units.AA), dtype=np.float64)


class AttenuatedIntegrator:
    """Counts of spectra in every band, behind every A_V of one law: spectra [n, w] -> [n, band * A_V]."""

    def __init__(self, bands: list[Bandpass], law: str) -> None:
        self._bands = bands
        self._curves = [law_curve(law, band.wavelength) for band in bands]
        self._weights: dict[bytes, NDArray[np.float64]] = {}

    def __call__(self, wavelength: NDArray[np.float64], flux: NDArray[np.float64]) -> NDArray[np.float64]:
        """Counts of ``flux`` [n, w] as [n, band * A_V]."""
        key = wavelength.tobytes()
        if key not in self._weights:
            rows = [
                band.weights(wavelength, 10.0 ** (-0.4 * a_v * curve))
                for band, curve in zip(self._bands, self._curves, strict=True)
                for a_v in A_V_NODES
            ]
            self._weights[key] = np.stack(rows, axis=1)
        return np.maximum(flux @ self._weights[key], 1e-300)


def fit_quadratic(mag: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares (c1, c2) [..., band, 2] of magnitudes [..., band * A_V] behind A_V_NODES.

    The fit minimises the error over 0 <= A_V <= 5 evenly and is exact at A_V = 0.
    """
    mag = mag.reshape(*mag.shape[:-1], -1, A_V_NODES.size)
    extinction = mag - mag[..., :1]
    design = np.stack([A_V_NODES, A_V_NODES**2], axis=1)
    return extinction @ np.linalg.pinv(design).T
