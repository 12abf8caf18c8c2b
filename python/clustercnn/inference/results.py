"""The table of results: one row per candidate, with units, flags and where the numbers come from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.inference.flags import FLAGS, flag_bit
from clustercnn.inference.reweight import LEAST_ESS
from clustercnn.inference.stamps import NO_VALUES
from clustercnn.labels import LABEL_NAMES, LABELS
from clustercnn.scene.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.table import Table
    from numpy.typing import NDArray

    from clustercnn.inference.artefact import LoadedArtefact
    from clustercnn.inference.catalogues import Catalogue
    from clustercnn.inference.posterior import Posterior
    from clustercnn.inference.reweight import NewPrior

__all__ = [
    "TABLE_SUFFIXES",
    "check_samples",
    "posterior_flags",
    "prior_meta",
    "remarks",
    "results_table",
    "table_meta",
    "write_table",
]

_FORMATS = {".ecsv": "ascii.ecsv", ".fits": "fits", ".h5": "hdf5", ".hdf5": "hdf5"}
TABLE_SUFFIXES = tuple(_FORMATS)
CITATION = (
    "Bialopetravicius, Narbutis & Vansevicius 2020, A&A 633, A148 (arXiv:1911.10059); "
    "Bialopetravicius, Narbutis & Vansevicius 2019, A&A 621, A103 (arXiv:1807.07658)"
)
_LOW_SNR = 5.0
_LOW_PRESENCE = 0.5
_EDGE_SHARE = 0.02
_LOW_PPP = 0.05


def check_samples(path: Path, samples: int) -> None:
    """Whether a table of that suffix can hold posterior samples.

    Raises:
        InvalidInput: a negative number, or samples asked for in a text table.
    """
    if samples < 0:
        raise InvalidInput(f"samples: {samples}; 0 or more are allowed")
    if samples and path.suffix.lower() == ".ecsv":
        raise InvalidInput(
            f"samples: {samples} per row do not fit a text table; give out a name ending in .fits or .h5"
        )


def posterior_flags(posterior: Posterior, bounds: NDArray[np.float64]) -> NDArray[np.int32]:
    """Flags that the answers themselves raise [n]; ``bounds`` [4, 2] are the ends of the prior."""
    flags = np.zeros(len(posterior), np.int32)
    low, high = bounds[:, 0], bounds[:, 1]
    margin = _EDGE_SHARE * (high - low)
    near = ((posterior.q16 < low + margin) | (posterior.q84 > high - margin)).any(axis=1)
    flags[posterior.log_snr < np.log10(_LOW_SNR)] |= flag_bit("LOW_SNR")
    flags[posterior.presence < _LOW_PRESENCE] |= flag_bit("LOW_PRESENCE")
    flags[near] |= flag_bit("NEAR_PRIOR_EDGE")
    if posterior.ess is not None:
        flags[posterior.ess < LEAST_ESS] |= flag_bit("FEW_DRAWS")
    if posterior.ppp is not None:
        flags[posterior.ppp < _LOW_PPP] |= flag_bit("UNLIKE_REDRAWS")  # NaN is not below
    return flags


def table_meta(artefact: LoadedArtefact, *, images: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Header of a result table: which network read which files, and whatever else is worth keeping."""
    metadata = artefact.metadata
    return {
        "model": artefact.name,
        "model_version": str(metadata["version"]),
        "model_sha256": artefact.sha256,
        "survey": str(metadata["survey"].get("name", "")),
        "images": {band: Path(str(path)).name for band, path in images.items() if path},
        **more,
    }


def prior_meta(prior: NewPrior | None) -> dict[str, Any]:
    """What the header says of a prior that replaced training's."""
    return {} if prior is None else {"prior": {k: v for k, v in asdict(prior).items() if v is not None}}


def remarks(flags: NDArray[np.int32]) -> str:
    """What a command adds to its last line: how many rows want a look, and why."""
    said = {
        "NO_POSITION": "have no position",
        "OUTSIDE_IMAGE": "lie outside the image",
        "UNUSABLE": "lie where too few pixels are valid",
        "FEW_DRAWS": f"rest on fewer than {LEAST_ESS:.0f} effective draws, raise draws",
        "UNLIKE_REDRAWS": "do not look like clusters drawn from their posteriors, see ppp",
        "PART_OF_ANOTHER": "are likely the outskirts of others",
    }
    counts = {text: int(np.count_nonzero(flags & flag_bit(name))) for name, text in said.items()}
    return "".join(f"; {n} of them {text}" for text, n in counts.items() if n)


def results_table(
    catalogue: Catalogue, posterior: Posterior, flags: NDArray[np.int32], *, meta: Mapping[str, Any]
) -> Table:
    """One row per candidate of the catalogue, in its order.

    Columns: ``id, ra, dec, x, y, presence, snr``; for each label ``<label>`` (median), ``<label>_q16``,
    ``<label>_q84``; ``cov_<a>_<b>`` of the posterior, in the product of the labels' units; ``ess`` when the prior is
    not training's; ``ppp`` when clusters were drawn again; ``flags``; and ``samples`` [k, label] when the posterior has
    them. Rows without values hold NaN.

    Args:
        catalogue: candidates with pixel positions.
        posterior: the answers for the same rows.
        flags: bits of ``FLAGS``, int32 [n].
        meta: what to say in the header beside citation and flags.
    """
    from astropy.table import Column, Table

    empty = (flags & NO_VALUES) != 0

    def add(name: str, values: NDArray[Any], unit: str | None, description: str, *, answer: bool = True) -> None:
        if answer:
            values = np.where(empty.reshape(-1, *[1] * (values.ndim - 1)), np.nan, values).astype(np.float32)
        table[name] = Column(values, unit=unit, description=description)

    table = Table(meta={**meta, "citation": CITATION, "flags": {f.name: f"{f.bit}: {f.sentence}" for f in FLAGS}})
    table["id"] = Column(catalogue.id, description="as in the catalogue, or counted from 1")
    if catalogue.ra is not None:
        add("ra", catalogue.ra, "deg", "ICRS right ascension", answer=False)
        add("dec", catalogue.dec, "deg", "ICRS declination", answer=False)
    add("x", catalogue.x, "pix", "column, first pixel centre at 0", answer=False)
    add("y", catalogue.y, "pix", "row, first pixel centre at 0", answer=False)
    add("presence", posterior.presence, None, "probability that a cluster is there")
    add("snr", 10.0**posterior.log_snr, None, "matched-filter S/N of the cluster, all bands together")
    for k, label in enumerate(LABELS):
        add(label.name, posterior.median[:, k], label.unit, "posterior median")
        add(f"{label.name}_q16", posterior.q16[:, k], label.unit, "posterior 16 % point")
        add(f"{label.name}_q84", posterior.q84[:, k], label.unit, "posterior 84 % point")
    for i, a in enumerate(LABEL_NAMES):
        for j, b in enumerate(LABEL_NAMES[: i + 1]):
            text = f"posterior covariance, ({LABELS[i].unit})*({LABELS[j].unit})"
            add(f"cov_{b}_{a}", posterior.covariance[:, i, j], None, text)
    if posterior.ess is not None:
        add("ess", posterior.ess, None, "effective number of posterior draws after weighting to another prior")
    if posterior.ppp is not None:
        add(
            "ppp",
            posterior.ppp,
            None,
            "posterior predictive p-value: small where the posterior, drawn, is unlike the image",
        )
    table["flags"] = Column(flags, description="sum of the bits named in the header")
    if posterior.samples is not None:
        add("samples", posterior.samples, None, f"posterior samples [sample, label], labels {', '.join(LABEL_NAMES)}")
    return table


def write_table(table: Table, path: Path) -> None:
    """Write a table, whole or not at all; the suffix chooses ECSV, FITS or HDF5.

    FITS has no logarithmic units: there the unit of such a column is given in its description only.
    """
    kind = _FORMATS[path.suffix.lower()]
    with replacing(path) as part:
        if kind == "fits":
            _for_fits(table).write(part, format=kind)
        elif kind == "hdf5":
            table.write(part, format=kind, path="results", serialize_meta=True)
        else:
            table.write(part, format=kind)


def _for_fits(table: Table) -> Table:
    """The same table with what FITS can hold: flat text, other than ASCII escaped, no logarithmic units."""
    from astropy.table import Column

    flat = table.copy(copy_data=False)
    meta = dict(flat.meta)
    comments = [f"{name} = {text}" for name, text in meta.pop("flags", {}).items()]
    comments += [f"{key}: {value}" for key, value in meta.items()]
    flat.meta = {"comments": [_ascii(text) for text in comments]}
    for name, column in list(flat.columns.items()):
        unit = str(column.unit or "")
        if unit.startswith("dex("):
            column.description = f"{column.description}, {unit}"
            column.unit = None
        if column.dtype.kind == "U":
            flat.replace_column(name, Column([_ascii(text) for text in column], description=column.description))
    return flat


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
