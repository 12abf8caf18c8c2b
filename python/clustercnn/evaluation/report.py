"""The whole evaluation of a network: held-out mocks, metrics.json, figures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.evaluation.calibration_report import calibration
from clustercnn.evaluation.detection import detection
from clustercnn.evaluation.held_out import HeldOut, infer_held_out
from clustercnn.evaluation.metrics import BRIGHT_SNR, metrics, paper_range
from clustercnn.evaluation.modes import multimodal
from clustercnn.scene.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustercnn.inference import Predictor
    from clustercnn.scene import Scenes

__all__ = ["evaluate_artefact", "judge", "summary", "write_figures", "write_metrics"]


def evaluate_artefact(
    predictor: Predictor,
    scenes: Scenes,
    *,
    n: int,
    seed: int,
    out: str | Path,
    data_wait: float | None = None,
    figures: bool = True,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Judge a network on fresh mocks; writes ``metrics.json`` and ``figures/*.png`` into ``out``.

    Args:
        predictor: the network.
        scenes: makes the mocks.
        n: how many, with and without a cluster.
        seed: of the mocks and of the posterior draws; choose another than training's.
        out: folder, made when missing.
        data_wait: share of the training time spent waiting for data, if known.
        figures: whether to draw them.
        progress: called with the number of mocks of each finished batch.

    Returns:
        What ``metrics.json`` holds: see ``judge``; and ``model`` and ``seed``, to get the same again.

    Raises:
        InvalidInput: n below 1, scenes the network does not read, or ``out`` is a file.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"out: {str(out)!r} is a file; a folder is expected")
    held = infer_held_out(predictor, scenes, n=n, seed=seed, progress=progress)
    result = judge(held, prior_entropy=scenes.prior.entropy, data_wait=data_wait)
    result["model"] = {"name": predictor.artefact.name, "sha256": predictor.artefact.sha256}
    result["seed"] = seed
    out.mkdir(parents=True, exist_ok=True)
    if figures:
        write_figures(held, predictor, out / "figures")
    write_metrics(result, out / "metrics.json")
    return result


def judge(held: HeldOut, *, prior_entropy: float, data_wait: float | None = None) -> dict[str, Any]:
    """All that ``metrics.json`` holds.

    ``metrics``, with ``calibration`` of all clusters and ``detection`` beside it; ``paper_range`` has the calibration
    of the clusters of that range whose S/N exceeds 10. ``multimodal`` is the share of posteriors with more than one
    mode in age and A_V, and in age and mass.
    """
    result, present = metrics(held, prior_entropy=prior_entropy, data_wait=data_wait), held.present > 0.5
    result["calibration"] = calibration(held, present)
    bright = held.log_snr > np.log10(BRIGHT_SNR)
    reliable = present & paper_range(held.labels) & bright
    result["paper_range"]["calibration"] = calibration(held, reliable)
    result["multimodal"], result["paper_range"]["multimodal"] = (multimodal(held.modes[c]) for c in (present, reliable))
    result["detection"] = detection(held)
    return result


def write_metrics(result: dict[str, Any], path: Path) -> None:
    """Write metrics as JSON; numbers that are not finite become null."""
    with replacing(path) as part:
        part.write_text(json.dumps(_plain(result), indent=2, allow_nan=False) + "\n")


def write_figures(held: HeldOut, predictor: Predictor, folder: Path) -> None:
    """Draw all figures of an evaluation into ``folder``, made when missing."""
    from clustercnn.evaluation.plots import plot_errors, plot_true_vs_inferred
    from clustercnn.evaluation.plots_calibration import plot_calibration
    from clustercnn.evaluation.plots_corner import plot_corners
    from clustercnn.evaluation.plots_degeneracy import plot_degeneracies
    from clustercnn.evaluation.plots_maps import plot_maps
    from clustercnn.evaluation.plots_presence import plot_presence
    from clustercnn.evaluation.plots_stamps import plot_stamps
    from clustercnn.evaluation.plots_thirds import plot_thirds

    folder.mkdir(parents=True, exist_ok=True)
    plot_true_vs_inferred(held.labels, held.posterior.median, folder / "true_vs_inferred.png", log_snr=held.log_snr)
    plot_errors(held, folder / "errors.png")
    plot_presence(held, folder / "presence.png")
    plot_calibration(held, folder / "calibration.png")
    plot_thirds(held, folder / "calibration_thirds.png")
    plot_maps(held, predictor.label_bounds, folder / "maps.png")
    plot_degeneracies(held.examples, predictor.label_bounds, folder / "degeneracies.png")
    plot_corners(held.examples, predictor.label_bounds, folder)
    some = held.examples.spread(6)
    if len(some.labels):
        plot_stamps(
            some.images,
            some.labels,
            folder / "stamps.png",
            bands=predictor.bands,
            pixel_scale=predictor.pixel_scale,
            log_snr=some.log_snr,
        )


def summary(result: dict[str, Any]) -> list[str]:
    """The main numbers of a ``metrics.json`` as a few lines of text."""

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    presence, snr = result["presence"], result["log_snr"]
    lines = [
        f"{result['n']} mocks; presence AUC {text(presence['auc'], '.4f')} "
        f"({text(presence['auc_snr10'], '.4f')} for S/N > 10), "
        f"{text(presence['completeness_at_fpr_0.01'], '.1%')} complete at 1 % false positives",
        f"posterior loss {text(result['nll'], '.2f')} nats, {text(result['nll_gain'], '.2f')} better than the prior",
        "             bias  scatter  covered by 68 %  by 95 %",
    ]
    for name, p in result["parameters"].items():
        numbers = f"{text(p['bias'], '+.3f'):>7}{text(p['scatter'], '.3f'):>9}"
        lines.append(f"{name:>9} {numbers}{text(p['coverage_68'], '.1%'):>16}{text(p['coverage_95'], '.1%'):>9}")
    lines.append(f"{'log S/N':>9} {text(snr['bias'], '+.3f'):>7}{text(snr['scatter'], '.3f'):>9}")
    several = ", ".join(f"{name} {text(share, '.1%')}" for name, share in result["multimodal"].items())
    return [*lines, *_calibrated(result["calibration"], text), f"more than one mode: {several}"]


def _calibrated(found: dict[str, Any], text: Callable[[float | None, str], str]) -> list[str]:
    """How far coverage is off at the worst level, overall and in the worst third."""
    worst = {name: part["off"] for name, part in found["parameters"].items()} | {"jointly": found["joint"]["off"]}
    parts = [p["off"] for rows in found["thirds"].values() for row in rows for p in row["parameters"].values()]
    known = [off for off in parts if off is not None]
    off = ", ".join(f"{name} {text(value, '.1%')}" for name, value in worst.items())
    return [
        f"coverage off, at the worst level: {off} ({text(found['chance'], '.1%')} by chance);",
        f"in the worst third of the mocks: {text(max(known, default=None), '.1%')}",
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
