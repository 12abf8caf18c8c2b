"""The networks that come with the package: a folder each, with its checksum, metrics and model card."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clustercnn.errors import DataFileError, InvalidInput

__all__ = ["DEFAULT", "is_pretrained_name", "pretrained_name", "pretrained_names", "pretrained_path"]

PREFIX = "pretrained-"
DEFAULT = "pretrained-m83"
NETWORKS = Path(__file__).parent / "networks"
_MODEL, _SUMS = "model.ts", "SHA256SUMS"


def is_pretrained_name(model: str | Path) -> bool:
    """Whether a model is asked for by name; ``pretrained-run/model.ts`` is a file in a folder."""
    return str(model).startswith(PREFIX) and len(Path(model).parts) == 1


def pretrained_names() -> list[str]:
    """Names of the networks that are here."""
    return sorted(PREFIX + path.parent.name for path in NETWORKS.glob(f"*/{_MODEL}"))


def pretrained_path(name: str) -> Path:
    """The ``model.ts`` of a network, its checksum verified.

    Raises:
        InvalidInput: no network of that name came with the package.
        DataFileError: the file is not the one that was shipped, or its checksum is missing.
    """
    names = pretrained_names()
    if name not in names:
        raise InvalidInput(f"model: no network {name!r} comes with this package; it has {', '.join(names) or 'none'}")
    path = NETWORKS / name.removeprefix(PREFIX) / _MODEL
    found, shipped = hashlib.sha256(path.read_bytes()).hexdigest(), _shipped_checksum(path)
    if found != shipped:
        raise DataFileError(f"{path}: SHA-256 {found}; {shipped} was shipped: install the package again")
    return path


def _shipped_checksum(path: Path) -> str:
    """What SHA256SUMS, lines of ``<checksum>  <name>``, says of the file beside it."""
    sums = path.with_name(_SUMS)
    lines = [line.split() for line in sums.read_text().splitlines()] if sums.is_file() else []
    for words in lines:
        if words[1:] == [path.name]:
            return words[0]
    raise DataFileError(f"{sums}: no checksum of {path.name}; '<SHA-256>  {path.name}' is expected: install again")


def pretrained_name(path: Path) -> str | None:
    """What the network at ``path`` is called, if it came with the package."""
    return PREFIX + path.parent.name if path.parent.parent == NETWORKS else None
