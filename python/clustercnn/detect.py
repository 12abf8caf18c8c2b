"""``python -m clustercnn.detect``: search images for clusters; a table of candidates with their answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clustercnn.cli import run_command
from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check", "detect", "main"]


def check(config: Mapping[str, Any]) -> None:
    """Raise for what is wrong with the options alone; see ``conf/detect.yaml``."""
    from clustercnn.inference.options import check_count, check_given, check_redraws, model_or_default
    from clustercnn.inference.tiling import SearchSettings

    model_or_default(config["model"]["path"])
    check_given(config["images"], "images", "images.<BAND>=<FITS file> for each band of the model")
    check_given(config["out"], "out", "out=candidates.ecsv")
    for name, low in (("samples", 0), ("redraws", 0), ("draws", 2), ("seed", 0), ("batch", 1)):
        check_count(config[name], name, low=low)
    check_redraws(config["redraws"], figure=config["figure"])
    SearchSettings.from_dict(config["search"])


def detect(config: Mapping[str, Any]) -> None:
    """Slide the network over images; write the candidates and the map, if wanted; see ``conf/detect.yaml``."""
    check(config)
    from clustercnn.inference import (
        NewPrior,
        Predictor,
        SearchSettings,
        grid_points,
        read_images,
        search,
        write_table,
    )
    from clustercnn.inference.catalogues import Catalogue
    from clustercnn.inference.options import model_or_default, output_file, tell_default, tell_warnings
    from clustercnn.inference.parts import part_flags
    from clustercnn.inference.predictive import predictive_check
    from clustercnn.inference.results import (
        TABLE_SUFFIXES,
        check_samples,
        prior_meta,
        remarks,
        results_table,
        table_meta,
    )
    from clustercnn.inference.tiling import write_map
    from clustercnn.progress import progress_bar

    settings = SearchSettings.from_dict(config["search"])
    out = output_file(config, "out", suffixes=TABLE_SUFFIXES)
    check_samples(out, config["samples"])
    chart = output_file(config, "map", suffixes=(".fits",))
    if chart is not None and chart.resolve() == out.resolve():
        raise InvalidInput(f"map: {str(chart)!r} is the name of the table, out, too; give another")
    figure = output_file(config, "figure", suffixes=(".png",))
    draws = max(config["draws"], config["samples"], config["redraws"])
    prior = NewPrior.from_dict(config["prior"])
    model = model_or_default(config["model"]["path"])
    predictor = Predictor.load(model, device=config["device"], batch=config["batch"], draws=draws, prior=prior)
    tell_default(config["model"]["path"], predictor.artefact)
    mosaic = read_images(predictor, config["images"])
    warnings = tell_warnings(predictor, mosaic)
    redrawn = predictive_check(predictor.artefact, mosaic, redraws=config["redraws"], seed=config["seed"])
    with progress_bar("stamps", grid_points(mosaic.valid.shape, settings.stride, predictor.size)) as progress:
        candidates, presence = search(predictor, mosaic, settings, progress=progress)
    catalogue = Catalogue.counted(candidates.x, candidates.y).located(mosaic.wcs)
    posterior, flags = predictor.predict_mosaic(
        mosaic, catalogue.x, catalogue.y, samples=config["samples"], seed=config["seed"], check=redrawn
    )
    flags |= part_flags(catalogue.x, catalogue.y, posterior.radius(predictor.pixel_scale))
    source = {"search": dict(config["search"]), "seed": config["seed"], **prior_meta(prior), "warnings": warnings}
    meta = table_meta(predictor.artefact, images=config["images"], **source)
    if chart:
        write_map(chart, presence, mosaic, stride=settings.stride, size=predictor.size)
    write_table(results_table(catalogue, posterior, flags, meta=meta), out)
    if figure:
        from clustercnn.evaluation import picture_redraws

        picture_redraws(redrawn, predictor, catalogue, posterior, figure)
    print(f"{out}: {len(catalogue)} candidates{remarks(flags)}", flush=True)  # noqa: T201  (the command line's voice)


def main() -> None:
    """Entry point of the command."""
    from clustercnn.inference.options import model_as_path

    sys.argv[1:] = model_as_path(sys.argv[1:])
    run_command("detect", detect)


if __name__ == "__main__":
    main()
