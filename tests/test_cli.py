from __future__ import annotations

import importlib
import importlib.resources
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clustercnn.cli import Options, run_command
from clustercnn.errors import DataFileError
from clustercnn.train import read_config

CONF = Path(str(importlib.resources.files("clustercnn") / "conf"))
README = (Path(__file__).parents[1] / "README.md").read_text().replace("\\\n", " ")
COMMANDS = re.findall(r"python -m clustercnn\.(\w+ [^`\n]*)", README)


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """Runs the train command line with a function in place of the training; returns (exit status, stderr, seen)."""

    def call(*arguments, function=None, check=read_config):
        seen = []

        def record(config, folder):
            seen.append((config, folder))
            if function is not None:
                function(config)

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["train", *arguments])
        status = 0
        try:
            run_command("train", record, check=check)
        except SystemExit as end:
            status = end.code
        return status, capsys.readouterr().err, seen

    return call


MISTAKES = [
    ("train.minuts=3", "train.minuts: no such option; nearest: train.minutes"),
    ("minutes=3", "minutes: no such option; nearest: train.minutes"),
    ("modle=small", "modle: no such option; nearest: model"),
    ("xyzzy=1", "xyzzy: no such option; known: survey, prior"),
    ("model=huge", "model=huge: no such option; base, large, photometry, small, tiny or a YAML file is allowed"),
    ("model=3", "model=3: no such option; base, large, photometry, small"),
    ("experiment=fast", "experiment=fast: no such option; best, paper, quick"),
    ("train.minutes=abc", "train.minutes: 'abc' is not a number"),
    ("train.batch_size=abc", "train.batch_size: 'abc' is not a whole number"),
    ("train.batch_size=1", "train.batch_size: 1; at least 2"),
    ("train.batch_size=1.5", "train.batch_size: 1.5 is not a whole number"),
    ("train.deterministic=maybe", "train.deterministic: 'maybe' is not true or false"),
    ("train.deterministic=true", "train.deterministic: true needs a budget in steps"),
    ("model.widths=3", "model.widths: 3 is not a list"),
    ("train.minutes=1,2", "train.minutes=1,2: several values need --multirun (-m)"),
    ("start_from=none.ts", "none.ts: no such file; a model.ts as `train` writes it is expected"),
    ("trunk_from=none.ts", "trunk_from: none.ts; it takes the place of the trunk of start_from, which is missing"),
    ("start_from=pretrained-m31", "model: no network 'pretrained-m31' comes with this package"),
    ("model.trunk=vit", "model.trunk: 'vit'; resnet or none is allowed"),
    ("bogus", "bogus: not an option; write name=value"),
    ("scene.images.F336W=a.fits", "scene.images.F336W: no such option"),
    ("hydra.run.dri=x", "hydra.run.dri: no such option; nearest: hydra.run.dir"),
    ("+train.foo=3", "train.foo: no such setting; known: batch_size"),
    ("survey=none.yaml", "none.yaml: cannot be read as a YAML file for survey"),
    ("resume=none.pt", "none.pt: no such checkpoint"),
    ("size=null", "size: None is not a whole number"),
    ("evaluate=null", "evaluate: None is not a group; set one of evaluate.n"),
    ("resume=null", "resume: None is not a text"),
    ("scene=fits", "scene.images.F336W: missing; survey m83 needs one image for each of"),
    ("scene.present_fraction=1.5", "scene.present_fraction: 1.5; 0 to 1 is allowed"),
    ("prior.ellipticity=0.3", "prior: ellipticity: 0.3; [low, high] with low <= high"),
    ("survey.bands.F336W.zero_point=abc", "survey: bands.F336W.zero_point: 'abc'; a number is allowed"),
    ("evaluate.n=0", "evaluate.n: 0; at least 1"),
    ("seed=-1", "seed: -1; a whole number"),
]


@pytest.mark.parametrize(("argument", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistakes_are_one_line_and_leave_nothing(call, tmp_path, argument, message):
    status, err, seen = call(argument)
    assert (status, seen) == (2, [])
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_overrides_and_run_folder(call, tmp_path):
    status, err, [(config, folder)] = call("train.minutes=2", "model=base", "experiment=quick", "hydra.run.dir=out")
    assert (status, err) == (0, "")
    assert folder == tmp_path / "out"
    assert config["train"]["minutes"] == config.train.minutes == 2
    assert config.model.name == "base"
    assert config.train.default_minutes < 1
    assert config.evaluate.n == 300
    assert (folder / ".hydra" / "config.yaml").is_file()


def test_null_is_hydras_own(call, tmp_path):
    status, err, [(_, folder)] = call("hydra.output_subdir=null", "hydra.run.dir=out")
    assert (status, err) == (0, "")
    assert not (folder / ".hydra").exists()


def test_null_again_where_an_experiment_gave_a_number(call):
    _, err, [(config, _)] = call("experiment=best", "train.steps=null", "train.minutes=3")
    assert (err, config.train.steps, config.train.minutes) == ("", None, 3)
    status, err, _ = call("experiment=best", "train.batch_size=null")
    assert (status, err) == (2, "error: train.batch_size: None is not a whole number\n")


@pytest.mark.parametrize("text", COMMANDS)
def test_readme_commands_are_understood(monkeypatch, tmp_path, text):
    name, *arguments = shlex.split(text)  # many take hours, and nobody runs those
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    module = importlib.import_module(f"clustercnn.{name}")
    monkeypatch.setattr(module, "run_command", lambda config_name, *_, **__: run_command(config_name, seen.append))
    module.main()
    assert len(seen) == 1


def test_images_take_any_band(call):
    _, _, [(config, _)] = call(
        "scene=fits", "scene.images.F606W=a b.fits", "scene.images.F814W=/x/y=z.fits", check=None
    )
    assert config.scene.images == {"F606W": "a b.fits", "F814W": "/x/y=z.fits"}


def test_survey_from_a_file(call, tmp_path):
    survey = yaml.safe_load((CONF / "survey" / "m83.yaml").read_text()) | {"name": "mine"}
    (tmp_path / "m83.yaml").write_text(yaml.safe_dump(survey))  # the name of ours does not hide it
    _, _, [(config, _)] = call("survey=m83.yaml", "survey.distance_modulus=29")
    assert (config.survey.name, config.survey.distance_modulus) == ("mine", 29)


def test_experiment_from_a_file(call, tmp_path):
    text = "defaults:\n  - override /model: base\ntrain: {batch_size: 7}\nscene: {fields: 3}\n"
    (tmp_path / "mine.yaml").write_text(text)
    _, _, [(config, _)] = call("experiment=mine.yaml", "scene.fields=4")
    assert (config.model.name, config.train.batch_size, config.scene.fields) == ("base", 7, 4)
    (tmp_path / "typo.yaml").write_text("trian: {batch_size: 7}\n")
    status, err, seen = call("experiment=typo.yaml")
    assert (status, seen) == (2, [])
    assert err.startswith("error: experiment: trian: no such option; nearest: train")


def test_multirun(call, capsys):
    status, _, seen = call("-m", "seed=1,2", "train.minutes=1,3")
    assert status == 0
    assert [(c.seed, c.train.minutes) for c, _ in seen] == [(1, 1), (1, 3), (2, 1), (2, 3)]
    assert len({folder for _, folder in seen}) == 4


def test_errors_of_the_work_are_one_line(call):
    def fail(config):
        raise DataFileError("a.fits: no SCI extension")

    assert call(function=fail)[:2] == (2, "error: a.fits: no SCI extension\n")


def test_ctrl_c(call):
    def interrupt(config):
        raise KeyboardInterrupt

    assert call(function=interrupt)[:2] == (130, "interrupted\n")


def test_options_are_plain_and_have_attributes():
    options = Options.of({"a": [{"b": 1}], "c": {"d": None}})
    assert options.a[0].b == 1
    assert options.c == {"d": None}
    assert isinstance(options, dict)
    with pytest.raises(AttributeError, match="nothing"):
        _ = options.nothing


@pytest.mark.parametrize("option", sorted(p.stem for p in (CONF / "model").glob("*.yaml")))
@pytest.mark.parametrize("experiment", [None, *sorted(p.stem for p in (CONF / "experiment").glob("*.yaml"))])
def test_every_option_makes_settings(call, option, experiment):
    chosen = [f"experiment={experiment}"] if experiment else []
    _, _, [(config, _)] = call(*chosen, f"model={option}", "tracker=disabled")
    run, judged = read_config(config)
    assert run.model.name == option
    assert run.tracker.mode == "disabled"
    assert judged.n >= judged.early_n


@pytest.mark.parametrize("argument", ["--help", "--cfg=job"])
def test_help_and_config_are_shown(argument, tmp_path):
    command = [sys.executable, "-m", "clustercnn.train", argument]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60)
    assert "default_minutes: " in done.stdout  # the number itself has its home in conf/train
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
