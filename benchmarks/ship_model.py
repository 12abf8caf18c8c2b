"""Puts a trained network into the package, with its metrics, checksum and model card.

python benchmarks/ship_model.py RUN_FOLDER JUDGED_FOLDER NAME

``RUN_FOLDER`` is what ``train`` left, ``JUDGED_FOLDER`` what ``evaluate`` wrote about its model.ts; NAME "m83" makes it
``model=pretrained-m83``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch

from clustercnn.labels import LABELS

NETWORKS = Path(__file__).parents[1] / "python" / "clustercnn" / "inference" / "networks"
MOST_MEGABYTES = 20


def card(name: str, metadata: dict, metrics: dict, checksum: str) -> str:
    """The model card in Markdown."""
    survey, prior, runs = metadata["survey"], metadata["prior"], _runs(metadata["training"])
    images, steps, seconds = (sum(run[key] for run in runs) for key in ("images", "steps", "seconds"))
    lines = [
        f"# pretrained-{name}",
        "",
        f"Joint posterior of age, mass, A_V and size, presence and S/N of star clusters in stamps "
        f"of {metadata['size']} pixels of {metadata['pixel_scale']:g} arcsec.",
        f"Trained by clustercnn {metadata['version']} on {images:,} mocks, none used twice, in {steps:,} steps and "
        f"{seconds / 60:.0f} minutes on: {', '.join(sorted({run['device'] for run in runs}))}"
        + (f"; in {len(runs)} runs, later ones from the weights of earlier ones." if len(runs) > 1 else "."),
        "",
        f"SHA-256 of model.ts: `{checksum}`",
        "",
        "## Training range",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| `{one.name}` ({one.unit}) | {prior[one.name][0]:g} to {prior[one.name][1]:g} |" for one in LABELS),
        *(f"| {key} | {value} |" for key, value in prior.items() if key not in {one.name for one in LABELS}),
        f"| survey | {survey['name']}, distance modulus {survey['distance_modulus']:g} |",
        *(f"| {band} | {_band(values)} |" for band, values in survey["bands"].items()),
        f"| backgrounds | {_backgrounds(metadata['config'].get('scene', {}))} |",
        "",
        f"## Measured on {metrics['n']:,} mocks it never saw",
        "",
        *_numbers(metrics),
        "",
        "## Limits",
        "",
        "- Outside the training range answers are the nearest inside it. NEAR_PRIOR_EDGE flags some, not all: of",
        "  clusters of more than 1e6 Msun those just beyond the edge; `redraws=100` finds others.",
        "- Backgrounds were synthetic discs; crowding, dust and artefacts of real images differ. Compare with clusters",
        "  of known age before relying on absolute probabilities.",
        "- One distance, one IMF, one isochrone set; clusters are round and of a single age.",
        "- All numbers hold for uniform priors; `infer` takes others (`prior.mass_slope=-2` ...).",
    ]
    return "\n".join(lines) + "\n"


def _band(values: dict) -> str:
    kernels = values["psf"] if isinstance(values["psf"], list) else [values["psf"]]
    return f"{values['filter']}, {values['exposure']:g} s, read noise {values['read_noise']:g} e-, {len(kernels)} PSFs"


def _backgrounds(scene: dict) -> str:
    kept = {key: value for key, value in scene.items() if key != "field" and value is not None}
    return ", ".join(f"{key} {value}" for key, value in kept.items())


def _runs(training: dict) -> list[dict]:
    """The run that made a network, and those that made the networks it started from."""
    before = [training[key] for key in ("started_from", "trunk_from") if key in training]
    return [training, *(run for one in before for run in _runs(one))]


def _numbers(metrics: dict) -> list[str]:
    """Of all mocks with a cluster, and of those of the paper's reliable range."""
    rows = [
        "| | bias | scatter | 68 % intervals hold | bias, paper's range | scatter | 68 % intervals hold |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    paper = metrics["paper_range"]
    for label in (one.name for one in LABELS):
        both = (metrics["parameters"][label], paper["parameters"][label])
        cells = (f"{p['bias']:+.3f} | {p['scatter']:.3f} | {p['coverage_68']:.1%}" for p in both)
        rows.append(f"| `{label}` | {' | '.join(cells)} |")
    presence, seen = metrics["presence"], paper["presence"]["completeness_at_fpr_0.01"]
    return [
        *rows,
        "",
        f"Posterior {metrics['nll_gain']:.2f} nats below the prior ({paper['nll_gain']:.2f} in the paper's range with "
        f"S/N > 10); presence AUC {presence['auc']:.4f}, {presence['auc_snr10']:.4f} for S/N > 10.",
        f"At 1 % false positives {seen:.1%} of the clusters in the paper's range with S/N > 10 are found, "
        f"{metrics['detection']['paper_range_snr5']['completeness']:.1%} of those with S/N > 5.",
    ]


def ship(run: Path, judged: Path, name: str) -> Path:
    """Writes the network's folder; raises ``SystemExit`` for a network that does not belong into a wheel."""
    model = run / "model.ts"
    if model.stat().st_size > MOST_MEGABYTES << 20:
        raise SystemExit(
            f"ship_model: {model} has {model.stat().st_size >> 20} MB; {MOST_MEGABYTES} at most are allowed"
        )
    metrics = json.loads((judged / "metrics.json").read_text())
    checksum = hashlib.sha256(model.read_bytes()).hexdigest()
    if metrics["model"]["sha256"] != checksum:
        raise SystemExit(f"ship_model: {judged}/metrics.json is about another network than {model}")
    extra = {"metadata.json": ""}
    torch.jit.load(str(model), _extra_files=extra)
    folder = NETWORKS / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, folder / "model.ts")
    shutil.copyfile(judged / "metrics.json", folder / "metrics.json")
    (folder / "card.md").write_text(card(name, json.loads(extra["metadata.json"]), metrics, checksum))
    (folder / "SHA256SUMS").write_text(f"{checksum}  model.ts\n")
    return folder


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("judged", type=Path)
    parser.add_argument("name")
    given = parser.parse_args()
    print(ship(given.run, given.judged, given.name))


if __name__ == "__main__":
    main()
