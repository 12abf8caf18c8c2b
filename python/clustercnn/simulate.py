"""``python -m clustercnn.simulate``: mock stamps in HDF5, or a mock mosaic in FITS, with the truth."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clustercnn.cli import run_command
from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["main", "simulate"]


def simulate(config: Mapping[str, Any], folder: Path) -> None:  # noqa: ARG001
    """Simulates by the plain configuration; see ``conf/simulate.yaml``."""
    stamps, mosaic = config["n"], config["mosaic"]["size"]
    if (stamps is None) == (mosaic is None):
        raise InvalidInput(f"n, mosaic.size: {stamps}, {mosaic}; give one of them (stamps or a mosaic)")
    lowest = {"n": 1, "mosaic.size": 1, "mosaic.clusters": 0}
    given = {"n": stamps, "mosaic.size": mosaic, "mosaic.clusters": config["mosaic"]["clusters"]}
    for name, value in given.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= lowest[name]):
            raise InvalidInput(f"{name}: {value!r}; a whole number of at least {lowest[name]} is allowed")
    if not config["out"]:
        raise InvalidInput("out: missing; a file .h5 (stamps) or a folder (mosaic) is needed")
    if mosaic is None:
        _stamps(config, stamps)
    else:
        _mosaic(config)


def _stamps(config: Mapping[str, Any], n: int) -> None:
    from clustercnn.scene import build_scenes, write_stamps
    from clustercnn.scene.files import check_output_file

    check_output_file(config["out"], suffixes=(".h5", ".hdf5"), overwrite=config["overwrite"])
    scenes = build_scenes(config)
    with _progress("stamps", n) as advance:
        path = write_stamps(
            config["out"], scenes, n, seed=config["seed"], overwrite=config["overwrite"], progress=advance
        )
    _say(f"{path}: {n} stamps of {scenes.size} x {scenes.size} pixels in {', '.join(scenes.bands)}, and their truth")


def _mosaic(config: Mapping[str, Any]) -> None:
    from clustercnn.physics import Prior, Survey
    from clustercnn.scene import check_room, field_settings, mock_mosaic, write_mock
    from clustercnn.scene.files import check_output_folder

    if config["scene"]["kind"] != "synthetic":
        raise InvalidInput(f"scene: {config['scene']['kind']!r}; a mosaic needs scene=synthetic")
    folder = check_output_folder(config["out"], overwrite=config["overwrite"])
    survey, prior = Survey.from_dict(config["survey"]), Prior.from_dict(config["prior"])
    options = config["mosaic"]
    check_room(options["clusters"], size=options["size"], separation=options["separation"])
    with _progress("clusters", options["clusters"]) as advance:
        mosaic, truth = mock_mosaic(
            survey,
            prior,
            size=options["size"],
            clusters=options["clusters"],
            separation=options["separation"],
            seed=config["seed"],
            field=field_settings(config["scene"]["field"]),
            progress=advance,
        )
    for path in write_mock(folder, mosaic, truth, survey, seed=config["seed"]):
        _say(str(path))


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.update(task, advance=count)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (this is the command line's voice)


def main() -> None:
    """Entry point of the command."""
    run_command("simulate", simulate)


if __name__ == "__main__":
    main()
