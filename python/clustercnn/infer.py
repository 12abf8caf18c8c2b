"""``python -m clustercnn.infer``: ages, masses, extinctions and sizes of the candidates of a catalogue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clustercnn.cli import run_command

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check", "infer", "main"]


def check(config: Mapping[str, Any]) -> None:
    """Raise for what is wrong with the options alone; see ``conf/infer.yaml``."""
    from clustercnn.inference.options import check_count, check_given, check_redraws, model_or_default

    model_or_default(config["model"]["path"])
    check_given(config["images"], "images", "images.<BAND>=<FITS file> for each band of the model")
    check_given(config["catalogue"], "catalogue", "catalogue=candidates.ecsv")
    check_given(config["out"], "out", "out=result.ecsv")
    for name, low in (("samples", 0), ("redraws", 0), ("draws", 2), ("seed", 0), ("batch", 1)):
        check_count(config[name], name, low=low)
    check_redraws(config["redraws"], figure=config["figure"])


def infer(config: Mapping[str, Any]) -> None:
    """Read a model, images and a catalogue; write the table of answers; see ``conf/infer.yaml``."""
    check(config)
    from clustercnn.inference import (
        NewPrior,
        Predictor,
        read_catalogue,
        read_images,
        results_table,
        write_table,
    )
    from clustercnn.inference.images import check_bands
    from clustercnn.inference.options import model_or_default, output_file, tell_default, tell_warnings
    from clustercnn.inference.predictive import predictive_check
    from clustercnn.inference.results import TABLE_SUFFIXES, check_samples, prior_meta, remarks, table_meta
    from clustercnn.progress import progress_bar

    out = output_file(config, "out", suffixes=TABLE_SUFFIXES)
    check_samples(out, config["samples"])
    figure = output_file(config, "figure", suffixes=(".png",))
    draws = max(config["draws"], config["samples"], config["redraws"])
    prior = NewPrior.from_dict(config["prior"])
    model = model_or_default(config["model"]["path"])
    predictor = Predictor.load(model, device=config["device"], batch=config["batch"], draws=draws, prior=prior)
    tell_default(config["model"]["path"], predictor.artefact)
    check_bands(predictor, config["images"])
    catalogue = read_catalogue(str(config["catalogue"]), origin=config["origin"], columns=config["columns"])
    mosaic = read_images(predictor, config["images"])
    warnings = tell_warnings(predictor, mosaic)
    redrawn = predictive_check(predictor.artefact, mosaic, redraws=config["redraws"], seed=config["seed"])
    catalogue = catalogue.located(mosaic.wcs)
    with progress_bar("candidates", len(catalogue)) as progress:
        posterior, flags = predictor.predict_mosaic(
            mosaic,
            catalogue.x,
            catalogue.y,
            samples=config["samples"],
            seed=config["seed"],
            check=redrawn,
            progress=progress,
        )
    source = {
        "catalogue": Path(str(config["catalogue"])).name,
        "seed": config["seed"],
        **prior_meta(prior),
        "warnings": warnings,
    }
    meta = table_meta(predictor.artefact, images=config["images"], **source)
    write_table(results_table(catalogue, posterior, flags, meta=meta), out)
    if figure:
        from clustercnn.evaluation import picture_redraws

        picture_redraws(redrawn, predictor, catalogue, posterior, figure)
    print(f"{out}: {len(catalogue)} candidates{remarks(flags)}", flush=True)  # noqa: T201  (the command line's voice)


def main() -> None:
    """Entry point of the command."""
    from clustercnn.inference.options import model_as_path

    sys.argv[1:] = model_as_path(sys.argv[1:])
    run_command("infer", infer)


if __name__ == "__main__":
    main()
