"""What a search finds on mock mosaics, and what it takes for clusters that is none.

python benchmarks/bench_detect.py [--quick] [--model FILE] [--clusters 150 500] [--seeds 2 3] [--json FILE]

A mosaic is simulated for each number of clusters and seed, and ``detect`` searches it. A candidate is right within 4
pixels of a cluster of the truth; *apart* counts only rows without the flag ``PART_OF_ANOTHER``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from bench_helpers import command, describe, machine, markdown, mosaic_files, versions, write_json
from scipy.spatial import cKDTree

from clustercnn.inference import flag_bit

WITHIN = 4.0  # pixels from a cluster: a candidate is right
THRESHOLDS = (0.05, 0.1, 0.5)
SEEN = 10.0  # S/N of the clusters that a search should find


def searched(folder: Path, *, model: list[str], size: int, clusters: int, seed: int) -> tuple[Table, Table]:
    """Candidates and truth of a mosaic."""
    command("simulate", f"mosaic.size={size}", f"mosaic.clusters={clusters}", f"seed={seed}", f"out={folder}")
    images = (f"images.{band}={path}" for band, path in mosaic_files(folder).items())
    command("detect", *model, *images, f"out={folder / 'found.ecsv'}", f"search.threshold={THRESHOLDS[0]}")
    return Table.read(folder / "found.ecsv"), Table.read(folder / "truth.ecsv")


def judge(found: Table, truth: Table, *, what: str) -> list[dict]:
    """A row for each threshold."""
    places, clusters = (np.stack([t["x"], t["y"]], axis=1) for t in (found, truth))
    seen = clusters[np.asarray(truth["snr"]) > SEEN]
    presence = np.asarray(found["presence"])
    apart = (np.asarray(found["flags"]) & flag_bit("PART_OF_ANOTHER")) == 0
    rows = []
    for threshold in THRESHOLDS:
        row = {"what": what, "threshold": threshold, "seen": len(seen)}
        for name, kept in (("all", presence >= threshold), ("apart", (presence >= threshold) & apart)):
            right, hit = _near(places[kept], clusters), _near(seen, places[kept])
            row[name] = {"candidates": len(right), "right": int(right.sum()), "found": int(hit.sum())}
        rows.append(row)
    return rows


def _near(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which points have one of the others within ``WITHIN``."""
    if len(others) == 0 or len(points) == 0:
        return np.zeros(len(points), bool)
    return cKDTree(others).query(points)[0] < WITHIN


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    head = ("mosaic", "presence from", "candidates, right", "apart, right", f"S/N > {SEEN:.0f}: found, apart")
    lines = []
    for row in rows:
        kinds = (row["all"], row["apart"])
        counts = (f"{k['candidates']}, {_percent(k['right'], k['candidates'])}" for k in kinds)
        found = ", ".join(_percent(k["found"], row["seen"]) for k in kinds)
        lines.append((row["what"], str(row["threshold"]), *counts, f"{found} of {row['seen']}"))
    return markdown(head, lines)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small mosaic: a look, not a measurement")
    parser.add_argument("--model", help="a model.ts; else the network that comes with the package")
    parser.add_argument("--size", type=int, default=1536, help="pixels on a side of a mosaic")
    parser.add_argument("--clusters", type=int, nargs="+", default=[150, 500], help="clusters of each mosaic")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3], help="of the mosaics with each number")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    size, numbers, seeds = (256, [4], [1]) if given.quick else (given.size, given.clusters, given.seeds)
    model = [f"model={given.model}"] if given.model else []
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as parent:
        for clusters in numbers:
            for seed in seeds:
                folder = Path(parent) / f"{clusters}_{seed}"
                found, truth = searched(folder, model=model, size=size, clusters=clusters, seed=seed)
                rows += judge(found, truth, what=f"{clusters} clusters, seed {seed}")
                print(f"{clusters} clusters, seed {seed}: {len(found)} candidates", file=sys.stderr, flush=True)
    print(f"\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
