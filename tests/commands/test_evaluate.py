from __future__ import annotations

import json
import subprocess
import sys

import pytest

from clustercnn import Prior, Survey
from clustercnn.errors import ClusterCNNError
from clustercnn.evaluate import evaluate, scenes_config


def test_command_line(inputs, tmp_path):
    command = [
        sys.executable,
        "-m",
        "clustercnn.evaluate",
        f"model={inputs.model}",
        "n=40",
        "draws=50",
        "out=judged",
        "device=cpu",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("40 mocks; presence AUC")
    numbers = json.loads((tmp_path / "judged/metrics.json").read_text())
    assert numbers["n"] == 40
    assert numbers["nll"] is not None
    assert len(list((tmp_path / "judged/figures").glob("*.png"))) == 11
    assert [p.name for p in tmp_path.iterdir()] == ["judged"]


def test_mocks_come_from_the_artefact_unless_told(options):
    trained = {"survey": {"name": "a"}, "prior": {"p": 1}, "size": 32, "config": {"scene": {"kind": "synthetic"}}}
    config = scenes_config(options("evaluate", seed=4), trained)
    assert (config["survey"], config["prior"], config["scene"]) == ({"name": "a"}, {"p": 1}, {"kind": "synthetic"})
    assert config["size"] == 32
    assert config["seed"] not in range(10**6)
    told = scenes_config(options("evaluate", seed=5, scene={"kind": "fits"}), trained)
    assert told["scene"] == {"kind": "fits"}
    assert told["seed"] != config["seed"]
    more = scenes_config(options("evaluate", fields=7), trained)
    assert more["scene"] == {"kind": "synthetic", "fields": 7}
    with pytest.raises(ClusterCNNError, match=r"fields: 7; a scene of kind 'fits' has its own"):
        scenes_config(options("evaluate", fields=7, scene={"kind": "fits"}), trained)
    with pytest.raises(
        ClusterCNNError, match=r"scene: the model does not say which one it was trained with; give scene="
    ):
        scenes_config(options("evaluate"), {**trained, "config": {}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"prior": {**Prior.load("m83").to_dict(), "a_v": [0.0, 5.0]}},
            r"prior\.a_v: \[0.0, 5.0\]; .* ends at 0 and 3.5",
        ),
        (
            {"survey": {**Survey.load("m83").to_dict(), "pixel_scale": 0.05}},
            r"survey\.pixel_scale: 0.05; .* 0.04 arcsec",
        ),
    ],
)
def test_mocks_that_the_network_cannot_answer_are_refused(inputs, options, tmp_path, changes, message):
    """Left out of the numbers they would flatter it."""
    with pytest.raises(ClusterCNNError, match=message):
        evaluate(options("evaluate", model=inputs.model, out=str(tmp_path / "judged"), **changes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": None}, "out: missing"),
        ({"n": 0}, "n: 0; a whole number of at least 1"),
        ({"fields": 0}, "fields: 0; a whole number of at least 1"),
        ({"seed": -1}, "seed: -1; a whole number of at least 0"),
        ({"model": "none.ts"}, "none.ts: no such file"),
        ({"out": "/dev/null/judged"}, "out: '/dev/null/judged' cannot be made, as '/dev/null' is no folder"),
    ],
)
def test_bad_options(inputs, options, tmp_path, changes, message):
    good = {"model": inputs.model, "out": str(tmp_path / "judged")}
    with pytest.raises(ClusterCNNError, match=message):
        evaluate(options("evaluate", **{**good, **changes}))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty(inputs, options, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ClusterCNNError, match="is not empty; choose another, or overwrite=true"):
        evaluate(options("evaluate", model=inputs.model, out=str(tmp_path)))
