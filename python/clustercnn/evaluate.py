"""``python -m clustercnn.evaluate``: judge a trained network on mocks it never saw."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.cli import run_command
from clustercnn.errors import InvalidInput
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clustercnn.inference import Predictor

__all__ = ["check", "evaluate", "main", "scenes_config"]


def check(config: Mapping[str, Any]) -> None:
    """Raise for what is wrong with the options alone; see ``conf/evaluate.yaml``."""
    from clustercnn.inference.options import check_count, check_given, model_or_default

    model_or_default(config["model"]["path"])
    check_given(config["out"], "out", "out=folder")
    for name, low in (("n", 1), ("seed", 0), ("batch", 1), ("draws", 2)):
        check_count(config[name], name, low=low)
    if config["fields"] is not None:
        check_count(config["fields"], "fields", low=1)


def scenes_config(config: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the mocks are made of: as the model was trained, but for the groups that the command line names.

    Synthetic fields are drawn from a stream of the seed of their own: they too are none that training saw.

    Raises:
        InvalidInput: the artefact does not say what it was trained on, and the command line does not either; or a
            number of fields for backgrounds that are images.
    """
    trained = {**metadata.get("config", {}), "survey": metadata["survey"]}
    if "prior" in metadata:
        trained["prior"] = metadata["prior"]
    made = {"size": metadata["size"], "seed": _fields_seed(config["seed"])}
    for group in ("survey", "prior", "scene"):
        made[group] = config.get(group) or trained.get(group)
        if made[group] is None:
            raise InvalidInput(f"{group}: the model does not say which one it was trained with; give {group}=...")
    if (count := config.get("fields")) is not None:
        if (kind := made["scene"].get("kind")) != "synthetic":
            raise InvalidInput(f"fields: {count}; a scene of kind {kind!r} has its own, so only null is allowed")
        made["scene"] = {**made["scene"], "fields": count}
    return made


def _fields_seed(seed: int) -> int:
    """A seed for the fields that differs from every seed a person would give to ``train``."""
    return int(np.random.SeedSequence([seed, 0x6576616C]).generate_state(1, np.uint64)[0] >> np.uint64(1))  # "eval"


def _check_answerable(made: Mapping[str, Any], predictor: Predictor) -> None:
    """Raise for mocks that the network has no answers for; left out of the numbers, they would flatter it."""
    from clustercnn.physics import Prior
    from clustercnn.scene.mosaics import SURVEY_SCALE_TOLERANCE

    scale, known = made["survey"]["pixel_scale"], predictor.pixel_scale
    if abs(scale / known - 1) > SURVEY_SCALE_TOLERANCE:
        raise InvalidInput(f"survey.pixel_scale: {scale}; the model was trained for {known:g} arcsec")
    prior = Prior.from_dict(made["prior"])
    for name, (low, high), (least, most) in zip(LABEL_NAMES, prior.label_bounds, predictor.label_bounds, strict=True):
        if low < least - 1e-6 or high > most + 1e-6:
            raise InvalidInput(
                f"prior.{name}: {list(getattr(prior, name))}; the model's posterior ends at {least:g} and {most:g}"
            )


def evaluate(config: Mapping[str, Any]) -> None:
    """Draw mocks, let the network answer, write ``metrics.json`` and ``figures/``; see ``conf/evaluate.yaml``."""
    check(config)
    from clustercnn.evaluation import evaluate_artefact, summary
    from clustercnn.inference import Predictor
    from clustercnn.inference.options import model_or_default, tell_default
    from clustercnn.progress import progress_bar
    from clustercnn.scene import build_scenes
    from clustercnn.scene.files import check_output_folder

    out = check_output_folder(config["out"], overwrite=config["overwrite"])
    model = model_or_default(config["model"]["path"])
    predictor = Predictor.load(model, device=config["device"], batch=config["batch"], draws=config["draws"])
    tell_default(config["model"]["path"], predictor.artefact)
    made = scenes_config(config, predictor.artefact.metadata)
    _check_answerable(made, predictor)
    scenes = build_scenes(made)
    with progress_bar("mocks", config["n"]) as progress:
        numbers = evaluate_artefact(
            predictor, scenes, n=config["n"], seed=config["seed"], out=out, figures=config["figures"], progress=progress
        )
    print("\n".join([*summary(numbers), f"results: {out}"]), flush=True)  # noqa: T201  (the command line's voice)


def main() -> None:
    """Entry point of the command."""
    from clustercnn.inference.options import model_as_path

    sys.argv[1:] = model_as_path(sys.argv[1:])
    run_command("evaluate", evaluate)


if __name__ == "__main__":
    main()
