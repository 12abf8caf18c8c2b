"""``python -m clustercnn.simulate``: mock stamps in HDF5, or a mock mosaic in FITS, with the truth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from clustercnn.cli import run_command
from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    from clustercnn.progress import progress_bar
    from clustercnn.scene import build_scenes, write_stamps
    from clustercnn.scene.files import check_output_file

    check_output_file(config["out"], suffixes=(".h5", ".hdf5"), overwrite=config["overwrite"])
    scenes = build_scenes(config)
    with progress_bar("stamps", n, quiet=config["quiet"]) as advance:
        path = write_stamps(
            config["out"], scenes, n, seed=config["seed"], overwrite=config["overwrite"], progress=advance
        )
    _say(f"{path}: {n} stamps of {scenes.size} x {scenes.size} pixels in {', '.join(scenes.bands)}, and their truth")


def _mosaic(config: Mapping[str, Any]) -> None:
    from clustercnn.physics import Prior, Survey
    from clustercnn.progress import step_bar
    from clustercnn.scene import check_room, field_settings, fill_mosaic, mosaic_bytes, write_mock
    from clustercnn.scene.files import check_disk_space, check_output_folder, scratch_array

    if config["scene"]["kind"] != "synthetic":
        raise InvalidInput(f"scene: {config['scene']['kind']!r}; a mosaic needs scene=synthetic")
    folder = check_output_folder(config["out"], overwrite=config["overwrite"])
    survey, prior = Survey.from_dict(config["survey"]), Prior.from_dict(config["prior"])
    field, options = field_settings(config["scene"]["field"]), config["mosaic"]
    size = options["size"]
    check_room(options["clusters"], size=size, separation=options["separation"])
    shape = (len(survey.bands), size, size)
    check_disk_space(folder, mosaic_bytes(shape[0], shape[1:]) + 4 * math.prod(shape))
    with scratch_array(folder.parent, shape) as out:
        with step_bar(quiet=config["quiet"]) as progress:
            mosaic, truth = fill_mosaic(
                out,
                survey,
                prior,
                clusters=options["clusters"],
                separation=options["separation"],
                seed=config["seed"],
                field=field,
                progress=progress,
            )
        for path in write_mock(folder, mosaic, truth, survey, seed=config["seed"]):
            _say(str(path))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (this is the command line's voice)


def main() -> None:
    """Entry point of the command."""
    run_command("simulate", simulate)


if __name__ == "__main__":
    main()
