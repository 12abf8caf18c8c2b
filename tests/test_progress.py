from __future__ import annotations

import pytest
from rich.console import Console

from clustercnn.progress import progress_bar, step_bar
from clustercnn.scene import FieldStep


def steps():
    with step_bar() as show:
        show(FieldStep("maps", 1, 2))
        for done in (1, 2, 3):
            show(FieldStep("stars", done, 3, 1000 * done))


def count():
    with progress_bar("stamps", 4) as advance:
        advance(4)


@pytest.fixture
def terminal(monkeypatch):
    """Makes every console take itself for a terminal of 120 columns."""
    plain = Console.__init__
    monkeypatch.setattr(Console, "__init__", lambda self, **kw: plain(self, **kw, force_terminal=True, width=120))


@pytest.mark.parametrize("work", [steps, count])
def test_silent_without_a_terminal(work, capsys):
    work()
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.usefixtures("terminal")
def test_stages_counts_and_stars_per_second(capsys):
    steps()
    shown = capsys.readouterr().err
    for text in ("maps", "1/2", "stars", "3/3", "M stars/s"):
        assert text in shown


@pytest.mark.usefixtures("terminal")
def test_silent_when_quiet(capsys):
    with step_bar(quiet=True) as show, progress_bar("stamps", 1, quiet=True) as advance:
        show(FieldStep("stars", 1, 1, 10))
        advance(1)
    captured = capsys.readouterr()
    assert "stars" not in captured.err
    assert "stamps" not in captured.err
    assert captured.out == ""
