"""``python -m clustercnn.train``: trains a network, judges it, and leaves everything in the run folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clustercnn.cli import run_command
from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clustercnn.scene import Scenes
    from clustercnn.training import RunSettings, Start

__all__ = ["EvaluateSettings", "main", "read_config", "train"]


@dataclass(frozen=True)
class EvaluateSettings:
    """How many held-out scenes the finished network (``n``) and the early one (``early_n``) are judged on."""

    n: int = 2000
    early_n: int = 400

    def __post_init__(self) -> None:
        for name in ("n", "early_n"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"evaluate.{name}: {getattr(self, name)}; at least 1 is allowed")


def read_config(config: Mapping[str, Any]) -> tuple[RunSettings, EvaluateSettings]:
    """The settings of a run from the plain configuration of ``conf/train.yaml``.

    Raises:
        InvalidInput: an unknown name or a value of the wrong type or range, in survey, prior and scene too.
        DataFileError: the checkpoint to resume from, or the network to start from, is not there.
    """
    from clustercnn.model import ModelSettings, load_checkpoint, read_settings
    from clustercnn.physics import Prior, Survey
    from clustercnn.scene import check_scene
    from clustercnn.training import RunSettings, TrackerSettings, TrainSettings

    run = RunSettings(
        model=read_settings(ModelSettings, config["model"], where="model"),
        train=read_settings(TrainSettings, config["train"], where="train"),
        tracker=read_settings(TrackerSettings, config["tracker"], where="tracker"),
        seed=config["seed"],
        resume=str(config["resume"]),
        config=config,
        start=_start(config["start_from"], config["trunk_from"]),
    )
    survey, prior = Survey.from_dict(config["survey"]), Prior.from_dict(config["prior"])
    check_scene(config["scene"], survey, prior, size=config["size"])
    if run.resume not in ("auto", "none"):
        load_checkpoint(run.resume)
    return run, read_settings(EvaluateSettings, config["evaluate"], where="evaluate")


def _start(model: Any, trunk: Any) -> Start | None:
    if model is None and trunk is not None:
        raise InvalidInput(f"trunk_from: {trunk}; it takes the place of the trunk of start_from, which is missing")
    if model is None:
        return None
    return _finished(model) if trunk is None else _finished(model).with_trunk(_finished(trunk))


def _finished(model: Any) -> Start:
    from clustercnn.inference import load_artefact
    from clustercnn.training import Start

    artefact = load_artefact(str(model), device="cpu")
    weights = {name.removeprefix("net."): tensor for name, tensor in artefact.module.state_dict().items()}
    return Start(artefact.name, weights, {"sha256": artefact.sha256, **artefact.metadata.get("training", {})})


def train(config: Mapping[str, Any], folder: Path) -> None:
    """Trains by the plain configuration of ``conf/train.yaml``; leaves its results in ``folder``."""
    settings, judged = read_config(config)
    from clustercnn.scene import build_scenes
    from clustercnn.training import fit

    scenes = build_scenes(config)

    def figures(artefact: Path) -> dict[str, Path]:
        _judge(artefact, scenes, n=judged.early_n, seed=settings.seed, out=artefact.parent)
        return _pictures(artefact.parent)

    result = fit(scenes, settings, folder, figures=figures)
    if not result.first_rank:
        return
    if not result.finished:
        _say(
            f"stopped at step {result.steps}, checkpoint saved; go on with the same command and hydra.run.dir={folder}"
        )
        raise SystemExit(130)
    numbers = _judge(result.artefact, scenes, n=judged.n, seed=settings.seed, out=folder, data_wait=result.data_wait)
    result.tracker.images(result.steps, _pictures(folder))
    result.tracker.finish()
    _report(numbers)
    _say(f"model {result.artefact}; metrics.json and figures beside it")


def _judge(
    artefact: Path, scenes: Scenes, *, n: int, seed: int, out: Path, data_wait: float | None = None
) -> dict[str, Any]:
    from clustercnn.evaluation import evaluate_artefact
    from clustercnn.inference import Predictor

    return evaluate_artefact(Predictor.load(artefact), scenes, n=n, seed=seed, out=out, data_wait=data_wait)


def _pictures(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((folder / "figures").glob("*.png"))}


def _report(numbers: Mapping[str, Any]) -> None:
    from clustercnn.evaluation import summary

    for line in [*summary(numbers), f"data wait {100 * numbers['data_wait']:.1f} %"]:
        _say(line)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (this is the command line's voice)


def main() -> None:
    """Entry point of the command."""
    run_command("train", train, check=read_config)


if __name__ == "__main__":
    main()
