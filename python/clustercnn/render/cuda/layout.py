"""The structures that kernels read, as in C: those of csrc/batch.hpp and csrc/gpu/job.hpp; pointers are addresses."""

from __future__ import annotations

import numpy as np

__all__ = ["JOB", "LIST_JOB", "LOTS", "MOST_BANDS", "MOST_GAUSSIANS", "PLAN", "SCENE_JOB"]

MOST_BANDS, MOST_GAUSSIANS = 8, 48
I32, I64, U64, F32, F64 = np.int32, np.int64, np.uint64, np.float32, np.float64


def _structure(*parts: tuple[str, object]) -> np.dtype:
    """Fields with the gaps that a C compiler leaves; names that share a type are written together."""
    return np.dtype([(name, kind) for names, kind in parts for name in names.split()], align=True)


BAND = _structure(("modes column", I32), ("transfer response", I64))
TRANSFORM = _structure(("n padded", I32), ("radices places roots", U64))
PLAN = _structure(
    ("size bands margin taps degree columns strip_rows strips column_group row_group", I32),
    ("reach cells_per_pixel", F64),
    ("cells pixels", TRANSFORM),
    ("float_roots coefficients transfer response reach_of_column", U64),
    ("band", (BAND, MOST_BANDS)),
)
POPULATIONS = _structure(("count knots bands", I32), ("u mass flux extinction guide", U64))
FAINT = _structure(("fraction", F32), ("floor seconds peak", U64))
MASS_RATIO = _structure(("base slope power", F32), ("logarithmic", np.bool_))
VARIETY = _structure(
    ("binary_fraction stretch cosine sine segregation a_v_scatter", U64), ("ratio", MASS_RATIO), ("mean_mass", F32)
)
CLUSTERS = _structure(
    ("n", I64),
    ("seed index population mean_count a_v x y scale exponent psf radius2", U64),
    ("faint", FAINT),
    ("variety", VARIETY),
)
STAR_LISTS = _structure(("n", I64), ("first x y flux psf", U64))
JOB = _structure(
    ("plan", PLAN),
    ("populations", POPULATIONS),
    ("clusters", CLUSTERS),
    ("lists", STAR_LISTS),
    ("first", I64),
    ("target segments lots spectra mass_parts half folded images total_mass", U64),
)
LIST_JOB = _structure(("job", JOB), ("x y mass companion flux", U64))
SCENE_JOB = _structure(
    ("n first", I64),
    ("seed", U64),
    ("size bands", I32),
    ("mosaics", _structure(("data heights widths", U64), ("noisy", I32))),
    ("crops", _structure(("mosaic y x code", U64))),
    ("noise", _structure(("seconds read_noise sky fixed", U64))),
    ("structure", _structure(("step middle top", I32), ("normal_variance least_snr", F32))),
    ("blemishes", _structure(("edges first pixels rates", U64))),
    ("content target gains total_mass images present labels log_snr", U64),
)
LOTS = _structure(
    ("count", I64),
    ("faint_mass", F64),
    ("u_max", F32),
    ("smooth_flux", (F32, MOST_BANDS)),
    ("gaussians", I32),
    ("gaussian_reach", (I32, MOST_GAUSSIANS)),
)
