"""The exported network: one TorchScript file, counts in, posterior out, with all it must know inside."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clustercnn.errors import DataFileError, MissingBackend
from clustercnn.inference.pretrained import is_pretrained_name, pretrained_name, pretrained_path
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["LoadedArtefact", "load_artefact"]

_EXTRA = "metadata.json"
_REQUIRED = ("version", "bands", "size", "pixel_scale", "labels", "label_bounds", "survey")
_FORMAT = 1


@dataclass(frozen=True)
class LoadedArtefact:
    """A loaded ``model.ts``: the scripted network on its device, and its metadata."""

    module: torch.jit.ScriptModule
    metadata: Mapping[str, Any]
    path: Path
    sha256: str
    device: torch.device

    @property
    def name(self) -> str:
        """Of the network if it came with the package, else of the file."""
        return pretrained_name(self.path) or self.path.name

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands, in the order of the images' band axis."""
        return tuple(self.metadata["bands"])

    @property
    def size(self) -> int:
        """Pixels on a side of a stamp."""
        return int(self.metadata["size"])

    @property
    def pixel_scale(self) -> float:
        """Arcsec per pixel."""
        return float(self.metadata["pixel_scale"])

    @property
    def label_bounds(self) -> NDArray[np.float64]:
        """Ends of the posterior's range, in the labels' units [4, 2]."""
        return np.asarray(self.metadata["label_bounds"], np.float64)

    @property
    def prior_bounds(self) -> NDArray[np.float64]:
        """Ends of training's prior [4, 2]; the posterior's where the file does not say, which are wider in log_mass."""
        prior = self.metadata.get("prior")
        return self.label_bounds if prior is None else np.array([prior[name] for name in LABEL_NAMES], np.float64)

    @property
    def present_fraction(self) -> float | None:
        """Share of training's stamps that had a cluster; None where the file does not say."""
        share = self.metadata.get("config", {}).get("scene", {}).get("present_fraction")
        return None if share is None else float(share)

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logit of presence [n], log10 S/N [n] and the context [n, f] that the posterior hangs on."""
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        presence_logit, log_snr, context = self.module.encode(images)
        return presence_logit.float(), log_snr.float(), context

    def sample(self, context: torch.Tensor, k: int, seed: int, first: int) -> torch.Tensor:
        """Draws from the joint posterior [n, k, 4] in the labels' units; row i is a function of (seed, first + i)."""
        return self.module.sample(context, k, seed, first).float()

    def log_prob(self, context: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Log density [n], nats per unit volume of the labels [n, 4]."""
        return self.module.log_prob(context, labels.to(self.device)).float()


def load_artefact(path: str | Path, *, device: str = "auto") -> LoadedArtefact:
    """Read and check a ``model.ts`` file.

    Args:
        path: the file, or the name of a network that came with the package ("pretrained-m83").
        device: "auto" (CUDA when there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        InvalidInput: no network of that name came with the package.
        DataFileError: missing, no TorchScript, no clustercnn artefact, or made for other labels or another format.
        MissingBackend: a device that is not there.
    """
    where = _device(device)
    path = pretrained_path(str(path)) if is_pretrained_name(path) else Path(path)
    if not path.is_file():
        raise DataFileError(
            f"{path}: {'a folder' if path.is_dir() else 'no such file'}; a model.ts as `train` writes it is expected"
        )
    extra = {_EXTRA: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is the artefact's format on purpose
            module = torch.jit.load(str(path), map_location=where, _extra_files=extra)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise DataFileError(
            f"{path}: not a TorchScript file, a model.ts as `train` writes it is expected ({first})"
        ) from error
    metadata = _metadata(path, extra[_EXTRA])
    return LoadedArtefact(module.eval(), metadata, path, hashlib.sha256(path.read_bytes()).hexdigest(), where)


def _metadata(path: Path, text: str | bytes) -> dict[str, Any]:
    if not text:
        raise DataFileError(f"{path}: a TorchScript file, but not of clustercnn: {_EXTRA} is missing in it")
    try:
        metadata = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataFileError(f"{path}: {_EXTRA} inside it is not JSON ({error})") from error
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        found = metadata.get("format") if isinstance(metadata, dict) else metadata
        raise DataFileError(f"{path}: artefact format {found!r}; this version reads format {_FORMAT}")
    missing = [key for key in _REQUIRED if key not in metadata]
    if missing:
        raise DataFileError(f"{path}: {_EXTRA} inside it lacks {', '.join(missing)}; not an artefact of this package")
    if tuple(metadata["labels"]) != LABEL_NAMES:
        raise DataFileError(f"{path}: its labels are {metadata['labels']}; this version reads {', '.join(LABEL_NAMES)}")
    return metadata


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise MissingBackend(f"device: {name!r}; auto, cpu, cuda or cuda:<number> are allowed")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise MissingBackend(
            f"device: {name!r} was asked for, {torch.cuda.device_count()} CUDA devices are here; use cpu"
        )
    return device
