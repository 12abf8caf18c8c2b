"""Checkpoints of a run: written whole or not at all, read without running any code of theirs."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from clustercnn.errors import DataFileError

__all__ = ["load_checkpoint", "save_checkpoint"]

_FORMAT = "clustercnn checkpoint 1"


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers, texts and containers of these to ``path``; a crash leaves the old file in place."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        torch.save({"format": _FORMAT, **state}, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The state that ``save_checkpoint`` wrote, on the CPU.

    Raises:
        DataFileError: no such file, a truncated one, or one that is not a checkpoint of this package.
    """
    path = Path(path)
    if not path.is_file():
        raise DataFileError(f"{path}: no such checkpoint; a checkpoint.pt of a training run was expected")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's guesses about foreign files; the error below says it better
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise DataFileError(
            f"{path}: truncated or not a checkpoint; a checkpoint.pt of a training run was expected"
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise DataFileError(f"{path}: not a checkpoint of this version; format {_FORMAT!r} was expected")
    return state
