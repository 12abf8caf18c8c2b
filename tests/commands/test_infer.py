from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from clustercnn.errors import ClusterCNNError
from clustercnn.infer import infer
from clustercnn.inference import flag_names


def run(*arguments, cwd):
    command = [sys.executable, "-m", "clustercnn.infer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_command_line(inputs, tmp_path):
    images = [f"images.{band}={path}" for band, path in inputs.images.items()]
    done = run(
        f"model={inputs.model}", *images, f"catalogue={inputs.catalogue}", "out=result.ecsv", "device=cpu", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "result.ecsv: 4 candidates; 1 of them have no position; 1 of them lie outside the image\n"
    table = Table.read(tmp_path / "result.ecsv")
    assert table["id"].tolist() == ["a", "b", "c", "d"]
    assert "OUTSIDE_IMAGE" in flag_names(table["flags"][2])
    assert flag_names(table["flags"][3]) == ("NO_POSITION",)
    assert np.isfinite(table["log_age"][:2]).all()
    assert np.isnan(table["log_age"][2:]).all()
    # the tangent plane's next order is the square of half an arcsecond: 3e-10 degrees
    assert table["ra"][1] == pytest.approx(204.25 - 11.5 * 0.04 / 3600 / np.cos(np.deg2rad(29.86)), abs=1e-9)
    assert [p.name for p in tmp_path.iterdir()] == ["result.ecsv"]  # no run folder, no parts


def test_errors_are_one_line(inputs, tmp_path):
    done = run(f"model={inputs.model}", "images.F336W=none.fits", "catalogue=none.csv", "out=r.ecsv", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: images: F336W given, but the model")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_sky_and_pixels_say_the_same(inputs, options, tmp_path):
    base = {"model": inputs.model, "images": inputs.images}
    infer(options("infer", **base, catalogue=inputs.catalogue, out=str(tmp_path / "a.fits"), samples=20))
    first = Table.read(tmp_path / "a.fits")
    sky = Table({"name": first["id"][:2], "RAJ2000": first["ra"][:2], "DEJ2000": first["dec"][:2]})
    sky.write(tmp_path / "sky.csv")
    infer(options("infer", **base, catalogue=str(tmp_path / "sky.csv"), out=str(tmp_path / "b.h5"), samples=20))
    again = Table.read(tmp_path / "b.h5", path="results")
    assert first["samples"].shape == (4, 20, 4)
    for column in ("x", "y"):
        # the WCS there and back: 204 degrees are held to 3e-14, 2.6e-9 pixels; some roundings of that
        np.testing.assert_allclose(again[column], first[column][:2], rtol=0.0, atol=3e-8)
    for column in ("presence", "snr", "log_mass", "cov_log_age_a_v", "samples"):
        # products of two stamps and of four add up in another order: roundings of 6e-8 in numbers up to 10, some ten
        # layers deep
        np.testing.assert_allclose(again[column], first[column][:2], rtol=1e-5, atol=1e-5)


def test_clusters_are_drawn_again(inputs, options, tmp_path):
    base = {"model": inputs.model, "images": inputs.images, "catalogue": inputs.catalogue, "draws": 40}
    infer(options("infer", **base, out=str(tmp_path / "plain.ecsv")))
    picture = tmp_path / "again.png"
    infer(options("infer", **base, out=str(tmp_path / "again.ecsv"), redraws=41, figure=str(picture)))
    plain, again = (Table.read(tmp_path / f"{name}.ecsv") for name in ("plain", "again"))
    assert set(again.colnames) - set(plain.colnames) == {"ppp"}
    # the first two stamps lie within the image, and each is among 42 images; the others have no answer
    shares = 42 * np.asarray(again["ppp"][:2])
    np.testing.assert_allclose(shares, np.clip(np.rint(shares), 1, 42), rtol=1e-6)  # float32's rounding, 6e-8, and ours
    assert np.isnan(again["ppp"][2:]).all()
    assert "ppp is below 0.05" in again.meta["flags"]["UNLIKE_REDRAWS"]
    assert picture.read_bytes().startswith(b"\x89PNG")


BROKEN = {
    "scale": {"scale": 0.05},
    "shape": {"shape": (80, 90)},
    "shift": {"shift": 3.0},
    "nan": {"fill": np.nan},
    "unit": {"unit": "furlong"},
}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("scale", "pixel scale of .*bad.fits.* is 0.05000 arcsec"),
        ("shape", r"bad.fits.* has 90 x 80 pixels"),
        ("shift", "the WCS of .*bad.fits.* is off by 3.00 pixels"),
        ("nan", "bad.fits.*: no valid pixel"),
        ("unit", "bad.fits.*: unknown unit BUNIT = 'furlong'"),
        ("text", "bad.fits: not a readable FITS file"),
        ("table", "bad.fits: no two-dimensional image"),
        ("gone", "bad.fits: no such file"),
    ],
)
def test_bad_images(inputs, options, write_image, tmp_path, what, message):
    bad = tmp_path / "bad.fits"
    if what in BROKEN:
        write_image(bad, band="F814W", **BROKEN[what])
    elif what == "text":
        bad.write_text("no image")
    elif what == "table":
        fits.HDUList([fits.PrimaryHDU()]).writeto(bad)
    out, images = tmp_path / "r.ecsv", {**inputs.images, "F814W": str(bad)}
    with pytest.raises(ClusterCNNError, match=message):
        infer(options("infer", model=inputs.model, images=images, catalogue=inputs.catalogue, out=str(out)))
    assert not out.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {}}, "images: missing; give images.<BAND>="),
        ({"catalogue": None}, "catalogue: missing"),
        ({"out": None}, "out: missing"),
        ({"out": "r.txt"}, "out: 'r.txt' ends in '.txt'; .ecsv or .fits or .h5 or .hdf5 is allowed"),
        ({"samples": -1}, "samples: -1; a whole number of at least 0"),
        ({"samples": 5, "out": "r.ecsv"}, "samples: 5 per row do not fit a text table"),
        ({"redraws": -1}, "redraws: -1; a whole number of at least 0"),
        ({"redraws": 5}, "redraws: 5; 0, or at least 40, is allowed"),
        ({"figure": "f.png"}, r"figure: f\.png; it shows clusters drawn again, so give redraws=100, say"),
        ({"figure": "f.pdf", "redraws": 50}, r"figure: 'f\.pdf' ends in '\.pdf'; \.png"),
        ({"out": "/dev/null/r.ecsv"}, "out: '/dev/null/r.ecsv' cannot be made, as '/dev/null' is no folder"),
        ({"draws": 1}, "draws: 1; a whole number of at least 2"),
        ({"batch": 0}, "batch: 0; a whole number of at least 1"),
        ({"images": {"F336W": "a", "F555W": "b"}}, "F336W, F555W given, but the model .* reads F336W, F438W, F814W"),
        ({"model": "none.ts"}, "none.ts: no such file"),
        ({"catalogue": "none.csv"}, "none.csv: no such file"),
        ({"origin": 3}, "origin: 3; 0 .* or 1"),
    ],
)
def test_bad_options(inputs, options, tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    good = {"model": inputs.model, "images": inputs.images, "catalogue": inputs.catalogue, "out": "r.fits"}
    with pytest.raises(ClusterCNNError, match=message):
        infer(options("infer", **{**good, **changes}))
    assert list(tmp_path.iterdir()) == []


def test_results_are_not_overwritten(inputs, options, tmp_path):
    out = tmp_path / "r.ecsv"
    out.write_text("precious")
    config = options("infer", model=inputs.model, images=inputs.images, catalogue=inputs.catalogue, out=str(out))
    with pytest.raises(ClusterCNNError, match="exists; choose another name, or overwrite=true"):
        infer(config)
    assert out.read_text() == "precious"
    infer(config | {"overwrite": True})
    assert len(Table.read(out)) == 4
