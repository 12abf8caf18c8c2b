"""The networks that come with the package: a folder each, with its checksum, metrics and model card."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clustercnn.errors import DataFileError, InvalidInput

__all__ = ["DEFAULT", "PREFIX", "pretrained_name", "pretrained_names", "pretrained_path"]

PREFIX = "pretrained-"
DEFAULT = "pretrained-m83"
NETWORKS = Path(__file__).parent / "networks"
_MODEL, _SUMS = "model.ts", "SHA256SUMS"


def pretrained_names() -> list[str]:
    """Names of the networks that are here."""
    return sorted(PREFIX + path.parent.name for path in NETWORKS.glob(f"*/{_MODEL}"))


def pretrained_path(name: str) -> Path:
    """The ``model.ts`` of a network, its checksum verified.

    Raises:
        InvalidInput: no network of that name came with the package.
        DataFileError: the file is not the one that was shipped.
    """
    names = pretrained_names()
    if name not in names:
        raise InvalidInput(f"model: no network {name!r} comes with this package; it has {', '.join(names) or 'none'}")
    path = NETWORKS / name.removeprefix(PREFIX) / _MODEL
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    sums = dict(reversed(line.split()) for line in path.with_name(_SUMS).read_text().splitlines())
    if found != sums.get(_MODEL):
        raise DataFileError(f"{path}: SHA-256 {found}; {sums.get(_MODEL)} was shipped: install the package again")
    return path


def pretrained_name(path: Path) -> str | None:
    """What the network at ``path`` is called, if it came with the package."""
    return PREFIX + path.parent.name if path.parent.parent == NETWORKS else None
