"""What redrawing the answers finds: how many candidates look unlike their posteriors, by what they are.

python benchmarks/bench_predictive.py [--quick] [--model FILE] [--clusters 300] [--redraws 100] [--json FILE]

For each row a mock mosaic is simulated whose clusters differ in one thing from those the network was trained on, or one
band of the first mosaic is spoiled, and ``infer redraws=N`` reads the clusters off. One row are the brightest
sources that are no clusters.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from astropy.table import Table
from bench_helpers import M83_BANDS, command, describe, machine, markdown, mosaic_files, versions, write_json
from photutils.detection import DAOStarFinder

from clustercnn import Survey
from clustercnn.inference import flag_bit
from clustercnn.scene import read_mosaics

COMMON = ("prior.log_mass=[3.5,5.7]", "seed=12", "quiet=true")
VARIANTS: dict[str, tuple[str, ...]] = {
    "as in training": (),
    "ellipticities of 0.6 to 0.8": ("prior.ellipticity=[0.6,0.8]",),
    "A_V scattering by 0.8 to 1 from star to star": ("prior.a_v_scatter=[0.8,1.0]",),
    "sizes of 1 to 2 arcsec, beyond the range": ("prior.log_rh=[0.0,0.3]",),
    "masses of 1.6e6 to 3e6 Msun, beyond the range": ("prior.log_mass=[6.2,6.5]",),
    "PSFs blurred by 0.04 arcsec, not 0.016": tuple(f"+survey.bands.{band}.psf.blur=0.04" for band in M83_BANDS),
}
DAMAGED = "F438W"
DAMAGES = {
    f"{DAMAGED} too bright by 0.5 mag": lambda data: data * np.float32(10**0.2),
    f"{DAMAGED} shifted by two pixels": lambda data: np.roll(data, 2, axis=1),
}
APART = 15.0  # pixels from any cluster: a source that is none


def judge(name: str, folder: Path, catalogue: Path, *, model: list[str], redraws: int) -> dict:
    """The row of the candidates of a catalogue."""
    out = folder / f"{catalogue.stem}_answers.ecsv"
    images = [f"images.{band}={path}" for band, path in mosaic_files(folder).items()]
    command("infer", *model, *images, f"catalogue={catalogue}", f"out={out}", f"redraws={redraws}")
    answers = Table.read(out)
    answers = answers[np.isfinite(np.asarray(answers["ppp"]))]
    unlike = (np.asarray(answers["flags"]) & flag_bit("UNLIKE_REDRAWS")) != 0
    present = np.asarray(answers["presence"]) > 0.5
    return {
        "what": name,
        "candidates": len(answers),
        "unlike": float(unlike.mean()),
        "present": int(present.sum()),
        "unlike_present": float(unlike[present].mean()) if present.any() else None,
        "quartiles": np.percentile(answers["ppp"], (25, 50, 75)).tolist(),
    }


def damage(folder: Path, name: str) -> None:
    """Spoil one band of the images there."""
    with fits.open(mosaic_files(folder)[DAMAGED], mode="update") as hdus:
        image = next(hdu for hdu in hdus if hdu.data is not None)
        image.data = DAMAGES[name](image.data)


def others(folder: Path, n: int) -> Path:
    """A catalogue of the ``n`` brightest sources that are no clusters."""
    mosaic = read_mosaics(mosaic_files(folder), Survey.load("m83"))
    red = mosaic.data[-1]
    _, median, sigma = sigma_clipped_stats(red)
    found = DAOStarFinder(threshold=20 * sigma, fwhm=2.0, min_separation=8.0)(red - median)
    if found is None:
        raise SystemExit("bench_predictive: no bright sources in the mosaic; give it more pixels")
    found.sort("flux", reverse=True)
    truth = Table.read(folder / "truth.ecsv")
    x, y = np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])
    apart = np.hypot(x[:, None] - np.asarray(truth["x"]), y[:, None] - np.asarray(truth["y"])).min(axis=1) > APART
    path = folder / "others.ecsv"
    Table({"x": x[apart][:n], "y": y[apart][:n]}).write(path)
    return path


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = []
    for row in rows:
        share = "–" if row["unlike_present"] is None else f"{100 * row['unlike_present']:.0f} % of {row['present']}"
        quartiles = ", ".join(f"{v:.2f}" for v in row["quartiles"])
        lines.append((row["what"], str(row["candidates"]), f"{100 * row['unlike']:.1f} %", share, quartiles))
    return markdown(("what", "candidates", "unlike", "of those with presence > 0.5", "quartiles of ppp"), lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small mosaic: a look, not a measurement")
    parser.add_argument("--model", help="a model.ts; else the network that comes with the package")
    parser.add_argument("--clusters", type=int, default=300, help="clusters of each mosaic")
    parser.add_argument("--redraws", type=int, default=100, help="clusters drawn again from each posterior")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    clusters, side = (12, 512) if given.quick else (given.clusters, 2048)
    redraws = 40 if given.quick else given.redraws
    model = [f"model={given.model}"] if given.model else []
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch", "photutils"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as parent:
        for k, name in enumerate(["as in training"] if given.quick else VARIANTS):
            folder = Path(parent) / str(k)
            size = (f"mosaic.size={side}", f"mosaic.clusters={clusters}")
            command("simulate", *size, *COMMON, *VARIANTS[name], f"out={folder}")
            rows.append(judge(name, folder, folder / "truth.ecsv", model=model, redraws=redraws))
            print(f"{name}: {100 * rows[-1]['unlike']:.1f} %", file=sys.stderr, flush=True)
        first = Path(parent) / "0"
        rows.append(
            judge(
                "the brightest sources that are no clusters",
                first,
                others(first, clusters),
                model=model,
                redraws=redraws,
            )
        )
        for name in [] if given.quick else DAMAGES:
            folder = Path(parent) / name.replace(" ", "_")
            shutil.copytree(first, folder, ignore=shutil.ignore_patterns("*_answers.ecsv"))
            damage(folder, name)
            rows.append(judge(name, folder, folder / "truth.ecsv", model=model, redraws=redraws))
    print(f"\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
