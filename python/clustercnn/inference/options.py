"""Checks of a command's options that cost nothing and come first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clustercnn.errors import InvalidInput
from clustercnn.inference.pretrained import DEFAULT, pretrained_names
from clustercnn.scene.files import check_output_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clustercnn.inference.artefact import LoadedArtefact
    from clustercnn.inference.predict import Predictor
    from clustercnn.scene import Mosaic

__all__ = [
    "check_count",
    "check_given",
    "check_redraws",
    "model_as_path",
    "model_or_default",
    "output_file",
    "tell_default",
    "tell_warnings",
]

FEWEST_REDRAWS = 40  # with fewer, being among the least typical 5 % would hang on one redrawn cluster or two


def model_or_default(given: str | None) -> str:
    """The network that a command was given, or the one that comes with the package.

    Raises:
        InvalidInput: none was given and none came with the package.
    """
    if given is None and DEFAULT in pretrained_names():
        return DEFAULT
    check_given(given, "model", "model=run/model.ts")
    return str(given)


def tell_default(given: str | None, artefact: LoadedArtefact) -> None:
    """Say on stderr which network answers, where the command named none."""
    if given is None:
        line = f"model: {artefact.name} (SHA-256 {artefact.sha256[:12]}), the default"
        print(line, file=sys.stderr, flush=True)  # noqa: T201  (the command line's voice)


def tell_warnings(predictor: Predictor, mosaic: Mosaic) -> list[str]:
    """Say on stderr in what images differ from those the network was trained on; the same lines for the table."""
    from clustercnn.inference.images import depth_warnings
    from clustercnn.inference.psf_check import psf_warnings

    warnings = depth_warnings(predictor, mosaic) + psf_warnings(predictor, mosaic)
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr, flush=True)  # noqa: T201  (the command line's voice)
    return warnings


def check_given(value: Any, name: str, example: str) -> None:
    """Make sure that an option which a command cannot do without is there.

    Raises:
        InvalidInput: it is None or empty; names the option and shows how to give it.
    """
    if value is None or value in ("", {}):
        raise InvalidInput(f"{name}: missing; give {example}")


def output_file(config: Mapping[str, Any], name: str, *, suffixes: tuple[str, ...]) -> Path | None:
    """The path of the file that the option ``name`` asks for, after making sure that it can be written; None: none.

    Raises:
        InvalidInput: see ``check_output_file``.
    """
    if config[name] is None:
        return None
    return check_output_file(config[name], suffixes=suffixes, overwrite=config["overwrite"], name=name)


def check_count(value: Any, name: str, *, low: int) -> None:
    """Make sure that an option is a whole number of at least ``low``.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InvalidInput(f"{name}: {value!r}; a whole number of at least {low} is allowed")
    if value >= 2**63:
        raise InvalidInput(f"{name}: {value}; less than 2^63 is allowed")


def check_redraws(redraws: int, *, figure: str | None) -> None:
    """Make sure that the number of clusters drawn again is 0, which is no check of the posterior, or enough for one.

    Raises:
        InvalidInput: it is not, or there would be nothing to show in a figure.
    """
    if figure and not redraws:
        raise InvalidInput(f"figure: {figure}; it shows clusters drawn again, so give redraws=100, say")
    if 0 < redraws < FEWEST_REDRAWS:
        raise InvalidInput(f"redraws: {redraws}; 0, or at least {FEWEST_REDRAWS}, is allowed")


def model_as_path(arguments: list[str]) -> list[str]:
    """Command-line arguments with ``model=FILE`` written as ``model.path=FILE``.

    Hydra takes ``model`` for the group ``conf/model`` of ``train``, whatever the command; a name inside it is free.
    """
    return [f"model.path={a.removeprefix('model=')}" if a.startswith("model=") else a for a in arguments]
