"""Which checkpoint a run goes on from, and whether it fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clustercnn.errors import InvalidInput
from clustercnn.model import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_same", "find_checkpoint"]


def find_checkpoint(resume: str, folder: Path) -> dict[str, Any] | None:
    """The checkpoint's content and its ``path``, or None for a fresh start.

    Args:
        resume: "auto" (the folder's checkpoint if there is one), "none", or the path of a checkpoint.
        folder: the run folder.

    Raises:
        DataFileError: the checkpoint is missing or cannot be read.
    """
    path = folder / "checkpoint.pt" if resume in ("auto", "none") else Path(resume)
    if resume == "none" or (resume == "auto" and not path.exists()):
        return None
    return {**load_checkpoint(path), "path": str(path)}


def check_same(old: Mapping[str, Any], new: Mapping[str, Any], *, path: str) -> None:
    """Compares what a checkpoint was made with to what this run is made of.

    Raises:
        InvalidInput: something differs; names it.
    """
    different = [name for name in new if old.get(name) != new[name]]
    if different:
        name = different[0]
        raise InvalidInput(
            f"resume: {path} was made with another {name} ({_short(old.get(name))}, now {_short(new[name])}); "
            "use the same, or resume=none"
        )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
