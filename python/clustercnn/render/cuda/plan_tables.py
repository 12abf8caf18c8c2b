"""A plan's tables on the device, and the structure that points into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.render.cuda.layout import PLAN
from clustercnn.render.cuda.memory import Parcel, address
from clustercnn.render.cuda.transforms import places, radices, roots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.render.cuda.shapes import Shapes
    from clustercnn.render.plans import BandModes, GridPlan

__all__ = ["PlanTables", "columns_of"]


def columns_of(plan: GridPlan) -> int:
    """Columns of modes of all bands together: kx from 0 to K in each."""
    return sum(band.modes + 1 for band in plan.periods[-1].bands)


class PlanTables:
    """Tables of a plan's last period, which holds every star: on the device no block waits to learn where stars lie.

    Args:
        cupy: the module.
        plan: of the images.
        shapes: of the blocks.

    Attributes:
        structure: a ``PLAN``, whose addresses stay valid as long as this object.
    """

    def __init__(self, cupy: Any, plan: GridPlan, shapes: Shapes) -> None:
        parcel, period = Parcel(), plan.periods[-1]
        real = np.float64 if plan.double_precision else np.float32
        structure = np.zeros((), dtype=PLAN)
        for name in ("size", "margin", "reach", "cells_per_pixel"):
            structure[name] = getattr(plan, name)
        for name in ("strip_rows", "strips", "column_group", "row_group"):
            structure[name] = getattr(shapes, name)
        structure["bands"], structure["columns"] = len(period.bands), columns_of(plan)
        structure["taps"], structure["degree"] = plan.taps.shape[1], plan.taps.shape[0] - 1
        pointers = {
            ("float_roots",): parcel.add(roots(period.pixels, np.float32)),
            ("coefficients",): parcel.add(plan.taps.T.astype(real)),
            **_transform(parcel, structure["cells"], "cells", period.cells, shapes.cells, real),
            **_transform(parcel, structure["pixels"], "pixels", period.pixels, shapes.pixels, real),
            **_bands(parcel, structure["band"], period.bands, real),
        }
        host = np.zeros(parcel.size, dtype=np.uint8)
        parcel.write(host)
        self._memory = cupy.asarray(host)
        cupy.cuda.get_current_stream().synchronize()  # other streams read the tables as well
        for path, place in pointers.items():
            of = structure
            for name in path[:-1]:
                of = of[name]
            of[path[-1]] = address(self._memory) + place
        self.structure = structure


def _transform(
    parcel: Parcel, of: NDArray[np.void], name: str, n: int, padded: int, real: type
) -> dict[tuple[str, ...], int]:
    of["n"], of["padded"] = n, padded
    return {
        (name, "radices"): parcel.add(np.array([*radices(n), 0], dtype=np.int32)),
        (name, "places"): parcel.add(places(n)),
        (name, "roots"): parcel.add(roots(n, real)),
    }


def _bands(
    parcel: Parcel, of: NDArray[np.void], bands: tuple[BandModes, ...], real: type
) -> dict[tuple[str, ...], int]:
    """One table of each kind for all bands, and where in it each band's numbers begin."""
    transfers, responses, reaches = [], [], []
    column = transfer = response = 0
    for entry, band in zip(of, bands, strict=False):
        modes = band.modes
        entry["modes"], entry["column"], entry["transfer"], entry["response"] = modes, column, transfer, response
        full = _both_halves(band.transfer)
        transfers.append(full.view(np.float64).astype(real).ravel())
        responses.append(band.response.astype(np.float32))
        reaches.append(_reach(band))
        column, transfer, response = column + modes + 1, transfer + full.size, response + modes + 1
    return {
        ("transfer",): parcel.add(np.concatenate(transfers)),
        ("response",): parcel.add(np.concatenate(responses)),
        ("reach_of_column",): parcel.add(np.concatenate(reaches)),
    }


def _both_halves(transfer: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """From ky >= 0 and every kx to every ky and kx >= 0: [psf, 2 K + 1, K + 1]. Kernels are real."""
    modes = transfer.shape[1] - 1
    upper = transfer[:, :, modes:]
    lower = np.conj(transfer[:, :0:-1, modes::-1])  # (-ky, kx) from (ky, -kx)
    return np.ascontiguousarray(np.concatenate([lower, upper], axis=1))


def _reach(band: BandModes) -> NDArray[np.int32]:
    """The highest |ky| inside the circle for each kx from 0 to K."""
    kx = np.arange(band.modes + 1)
    return np.minimum(np.sqrt(np.maximum(band.radius**2 - kx**2, 0.0)), band.modes).astype(np.int32)
