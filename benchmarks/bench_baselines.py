"""What a network reads off pixels, beside what aperture photometry tells: three answers to the same mocks.

python benchmarks/bench_baselines.py [--quick] [--model FILE] [--photometry FILE] [--n 5000] [--seed 1] [--json FILE]

- CNN: a network that sees the pixels; ``--model``, else the one that comes with the package.
- MLP on photometry: the same heads on aperture fluxes and concentration indices, from ``train model=photometry``.
- SED fit: the most probable point of a grid of single stellar populations, from the same fluxes; see ``sed_fit.py``.

All are judged on the clusters of the paper's reliable range with S/N > 10, with mocks of the CNN's training range.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from bench_helpers import describe, machine, markdown, versions, write_json
from sed_fit import SedFit

import clustercnn as cc
from clustercnn.evaluate import scenes_config
from clustercnn.evaluation import bias, infer_held_out, paper_range, scatter
from clustercnn.evaluation.metrics import BRIGHT_SNR
from clustercnn.inference import Predictor
from clustercnn.inference.pretrained import DEFAULT, pretrained_names
from clustercnn.labels import LABEL_NAMES
from clustercnn.scene import Scenes, build_scenes


def network(name: str, predictor: Predictor, scenes: Scenes, *, n: int, seed: int) -> dict:
    """The row of a network."""
    held = infer_held_out(predictor, scenes, n=n, seed=seed)
    chosen = (held.present > 0.5) & paper_range(held.labels) & (held.log_snr > np.log10(BRIGHT_SNR))
    log_prob = held.posterior.log_prob[chosen]
    nll = -float(log_prob[np.isfinite(log_prob)].mean(dtype=float))
    several = float((held.modes[chosen, 0] > 1).mean())
    return row(name, (held.posterior.median - held.labels)[chosen], nll=nll, multimodal=several)


def sed(scenes: Scenes, *, n: int, seed: int) -> dict:
    """The row of the fit."""
    fit, off, several = SedFit(cc.Renderer(scenes.survey, size=scenes.size)), [], []
    for first in range(0, n, 64):
        batch = scenes.batch(first, min(64, n - first), seed=seed)
        chosen = paper_range(batch.labels) & (batch.log_snr > np.log10(BRIGHT_SNR))
        labels, peaks = fit.fit(batch.images[chosen])
        off.append(labels - batch.labels[chosen])
        several.append(peaks > 1)
    return row("SED fit", np.concatenate(off), nll=None, multimodal=float(np.concatenate(several).mean()))


def row(name: str, residual: np.ndarray, *, nll: float | None, multimodal: float | None) -> dict:
    """Numbers of an answer from its errors [n, 4]."""
    numbers = {label: (bias(residual[:, k]), scatter(residual[:, k])) for k, label in enumerate(LABEL_NAMES)}
    return {"what": name, "n": len(residual), "nll": nll, "multimodal": multimodal, **numbers}


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = []
    for one in rows:
        if "note" in one:
            lines.append((one["what"], *[one["note"]] * (3 + len(LABEL_NAMES))))
            continue
        errors = ("–" if one[label][0] is None else "{:+.3f}, {:.3f}".format(*one[label]) for label in LABEL_NAMES)
        nll = "–" if one["nll"] is None else f"{one['nll']:.2f}"
        lines.append((one["what"], f"{one['n']:,}", nll, *errors, f"{one['multimodal']:.1%}"))
    head = (
        "what",
        "clusters",
        "NLL, nats",
        *(f"{label}: bias, scatter" for label in LABEL_NAMES),
        "several in (age, A_V)",
    )
    return markdown(head, lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--model", help="model.ts of the CNN")
    parser.add_argument("--photometry", help="model.ts of a network trained with model=photometry")
    parser.add_argument("--n", type=int, default=5000, help="mocks, with and without a cluster")
    parser.add_argument("--seed", type=int, default=1, help="of the mocks")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    model = given.model or (DEFAULT if DEFAULT in pretrained_names() else None)
    if model is None:
        raise SystemExit("bench_baselines: --model: missing; no network comes with this package")
    draws = 200 if given.quick else 1000
    predictor = Predictor.load(model, draws=draws)
    photometry = Predictor.load(given.photometry, draws=draws) if given.photometry else None
    config = scenes_config({"seed": given.seed}, predictor.artefact.metadata)
    if given.quick:
        config["scene"] = {**config["scene"], "fields": 1, "field_size": 256}
    scenes, how = build_scenes(config), {"n": 300 if given.quick else given.n, "seed": given.seed}
    rows = [network("CNN", predictor, scenes, **how)]
    if photometry:
        rows.append(network("MLP on photometry", photometry, scenes, **how))
    else:
        rows.append({"what": "MLP on photometry", "note": "not given"})
    rows.append(sed(scenes, **how))
    print(f"\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
