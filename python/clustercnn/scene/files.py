"""Outputs that are whole or not there at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "check_disk_space",
    "check_output_file",
    "check_output_folder",
    "filling",
    "package_version",
    "replacing",
    "scratch_array",
]


def check_output_file(path: object, *, suffixes: tuple[str, ...], overwrite: bool = False, name: str = "out") -> Path:
    """The path of a file to be written, after making sure that it can be.

    Args:
        path: as the command line gives it; a name of digits comes as a number.
        suffixes: allowed endings.
        overwrite: whether a file may be there already.
        name: of the option, for messages.

    Raises:
        InvalidInput: wrong ending, a file that is there already, a folder in its place, or a place that takes no files.
    """
    path = Path(str(path))
    if path.suffix.lower() not in suffixes:
        raise InvalidInput(f"{name}: {str(path)!r} ends in {path.suffix!r}; {' or '.join(suffixes)} is allowed")
    if path.is_dir():
        raise InvalidInput(f"{name}: {str(path)!r} is a folder; the name of a file is expected")
    if path.exists() and not overwrite:
        raise InvalidInput(f"{name}: {str(path)!r} exists; choose another name, or overwrite=true")
    _check_place(path.absolute().parent, name, path)
    return path


def check_output_folder(path: object, *, overwrite: bool = False) -> Path:
    """The path of a folder to be filled, after making sure that it can be.

    Raises:
        InvalidInput: a file in its place, a folder that holds something already, or a place that takes no files.
    """
    path = Path(str(path))
    if path.exists() and not path.is_dir():
        raise InvalidInput(f"out: {str(path)!r} is a file; the name of a folder is expected")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InvalidInput(f"out: the folder {str(path)!r} is not empty; choose another, or overwrite=true")
    _check_place(path.absolute(), "out", path)
    return path


def _check_place(folder: Path, name: str, path: Path) -> None:
    """Make sure that files can be made in a folder, or that it can be made."""
    place = _existing(folder)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        reason = "may not be written to" if place.is_dir() else "is no folder"
        raise InvalidInput(f"{name}: {str(path)!r} cannot be made, as {str(place)!r} {reason}; choose another place")


def _existing(place: Path) -> Path:
    """The nearest of an absolute path and the folders above it that is there."""
    return next(p for p in (place, *place.parents) if os.access(p, os.F_OK))


def check_disk_space(path: str | Path, needed: int) -> None:
    """Make sure that ``needed`` bytes can be written where ``path`` is or will be.

    Raises:
        InvalidInput: less than that is free.
    """
    place = _existing(Path(path).absolute())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise InvalidInput(
            f"out: {str(path)!r} needs {needed / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free in {str(place)!r}; "
            "choose another place, or a smaller size"
        )


@contextmanager
def scratch_array(folder: str | Path, shape: tuple[int, ...]) -> Iterator[np.memmap]:
    """A float32 array in a nameless file of a folder, which vanishes with the block, or with the process.

    Raises:
        OSError: no room for it; it is taken at once, as a mapped file that finds none later kills the process.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        size = 4 * int(np.prod(shape, dtype=np.int64))
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)
        yield np.memmap(file, dtype=np.float32, mode="r+", shape=shape)


@contextmanager
def filling(folder: str | Path) -> Iterator[Path]:
    """A temporary folder beside ``folder``; its files move there when the block ends well, and vanish when not."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.part", dir=folder.parent))
    try:
        yield part
        folder.mkdir(exist_ok=True)
        for file in sorted(part.iterdir()):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(part)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path``; renamed to it when the block ends well, removed when it does not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def package_version() -> str:
    """Version of the installed package, as outputs state it; "unknown" when it is used without being installed."""
    try:
        return metadata.version("clustercnn")
    except metadata.PackageNotFoundError:
        return "unknown"
