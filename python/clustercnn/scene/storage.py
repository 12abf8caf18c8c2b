"""Samples and their truth in an HDF5 file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import yaml

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.labels import LABELS, VARIETY_UNITS
from clustercnn.scene.compose import SceneBatch
from clustercnn.scene.files import check_output_file, package_version, replacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustercnn.scene.compose import Scenes

__all__ = ["Stamps", "read_stamps", "write_stamps"]

_FORMAT = "clustercnn stamps 1"
_NUISANCES = {"gamma": "", "metallicity": "", "x": "pix", "y": "pix", "target_log_mass": "dex(Msun)"}


@dataclass(frozen=True)
class Stamps:
    """What a file of samples holds.

    Args:
        batch: images, presence, labels and S/N.
        truth: further columns [n] by name: ``gamma``, ``metallicity``, ``x``, ``y``, ``target_log_mass``, and what
            sets clusters apart from plain ones if the prior has ranges of it; NaN without a cluster.
        bands: names, in the order of the image planes.
        survey: as ``Survey.from_dict`` takes it.
        prior: as ``Prior.from_dict`` takes it.
        seed: of the run.
        version: of the package that wrote the file.
    """

    batch: SceneBatch
    truth: dict[str, np.ndarray]
    bands: tuple[str, ...]
    survey: dict[str, Any]
    prior: dict[str, Any]
    seed: int
    version: str


def write_stamps(
    path: str | Path,
    scenes: Scenes,
    n: int,
    *,
    seed: int,
    chunk: int = 256,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Draw ``n`` samples into an HDF5 file, ``chunk`` at a time.

    The file appears under its name only when it is complete. Images are ``images`` [n, band, y, x] in e-/s; each
    truth column is a dataset in the group ``truth`` with its unit as an attribute.

    Args:
        path: ends in .h5 or .hdf5.
        scenes: draws the samples.
        n: how many.
        seed: of the run.
        chunk: samples drawn and written at a time.
        overwrite: whether an existing file may be replaced.
        progress: called with the number of samples written each time.

    Raises:
        InvalidInput: n or chunk below 1, or a path that cannot be written.
    """
    for name, value in (("n", n), ("chunk", chunk)):
        if value < 1:
            raise InvalidInput(f"{name}: {value}; 1 or more is allowed")
    path = check_output_file(path, suffixes=(".h5", ".hdf5"), overwrite=overwrite)
    with replacing(path) as part, h5py.File(part, "w") as file:
        _describe(file, scenes, seed)
        bands, size = len(scenes.bands), scenes.size
        images = file.create_dataset("images", (n, bands, size, size), "f4", chunks=(min(n, 64), bands, size, size))
        images.attrs["unit"] = "electron / s"
        units = _units() | {name: VARIETY_UNITS.get(name, "") for name in scenes.prior.variety}
        truth = {name: file.create_dataset(f"truth/{name}", (n,), "f4") for name in units}
        for name, unit in units.items():
            truth[name].attrs["unit"] = unit
        for first in range(0, n, chunk):
            count = min(chunk, n - first)
            batch = scenes.batch(first, count, seed=seed)
            rows = slice(first, first + count)
            images[rows] = batch.images
            for name, values in _columns(scenes, batch, first, seed).items():
                truth[name][rows] = values
            if progress:
                progress(count)
    return path


def read_stamps(path: str | Path, *, first: int = 0, n: int | None = None) -> Stamps:
    """Read samples first .. first + n - 1 (all that follow when ``n`` is None) of a file that ``write_stamps`` made.

    Raises:
        DataFileError: no such file, not HDF5, or not of this form.
        InvalidInput: ``first`` or ``n`` beyond the file.
    """
    path = Path(path)
    if not path.is_file():
        raise DataFileError(f"{path}: no such file; HDF5 stamps were expected")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise DataFileError(f"{path}: format {file.attrs.get('format')!r}; {_FORMAT!r} was expected")
            held = len(file["images"])
            n = held - first if n is None else n
            if not (0 <= first < held and 1 <= n <= held - first):
                raise InvalidInput(f"first, n: {first}, {n}; the file holds {held} samples")
            rows = slice(first, first + n)
            columns = {name: column[rows] for name, column in file["truth"].items()}
            labels = np.stack([columns.pop(label.name) for label in LABELS], axis=1)
            batch = SceneBatch(file["images"][rows], columns.pop("present"), labels, columns.pop("log_snr"))
            about = dict(file.attrs)
    except (OSError, KeyError) as error:
        raise DataFileError(f"{path}: not a readable HDF5 file of stamps ({error})") from error
    return Stamps(
        batch=batch,
        truth=columns,
        bands=tuple(about["bands"]),
        survey=yaml.safe_load(about["survey"]),
        prior=yaml.safe_load(about["prior"]),
        seed=int(about["seed"]),
        version=str(about["version"]),
    )


def _describe(file: h5py.File, scenes: Scenes, seed: int) -> None:
    file.attrs["format"] = _FORMAT
    file.attrs["version"] = package_version()
    file.attrs["seed"] = seed
    file.attrs["bands"] = list(scenes.bands)
    file.attrs["pixel_scale_arcsec"] = scenes.survey.pixel_scale
    file.attrs["survey"] = yaml.safe_dump(scenes.survey.to_dict(), sort_keys=False)
    file.attrs["prior"] = yaml.safe_dump(scenes.prior.to_dict(), sort_keys=False)


def _units() -> dict[str, str]:
    """Name and unit of each truth column that every file has."""
    return {"present": "", **{label.name: label.unit for label in LABELS}, "log_snr": "dex", **_NUISANCES}


def _columns(scenes: Scenes, batch: SceneBatch, first: int, seed: int) -> dict[str, np.ndarray]:
    params = scenes.prior.sample_at(first + np.arange(len(batch.present)), seed=seed, size=scenes.size)
    present = batch.present > 0
    names = ("gamma", "metallicity", "x", "y", *scenes.prior.variety)
    nuisances = {name: np.where(present, getattr(params, name), np.nan) for name in names}
    nuisances["target_log_mass"] = np.where(present, params.log_mass, np.nan)
    labels = {label.name: batch.labels[:, k] for k, label in enumerate(LABELS)}
    return {"present": batch.present, **labels, "log_snr": batch.log_snr, **nuisances}
