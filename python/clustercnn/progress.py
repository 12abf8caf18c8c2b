"""The progress bars of the commands: on a terminal they tell how far the work is; elsewhere they say nothing."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

__all__ = ["Step", "progress_bar", "step_bar"]


class Step(Protocol):
    """How far a work in several stages is: the stage, pieces done and their total, stars drawn so far in this stage."""

    what: str
    done: int
    total: int
    stars: int


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar for work that is counted in equal pieces; yields the function to call with the number just finished.

    Args:
        description: what is counted.
        total: how many there are.
        quiet: show nothing.
    """
    with _bar(quiet=quiet) as bar:
        task = bar.add_task(description, total=total, rate="")
        yield lambda count: bar.advance(task, count)


@contextmanager
def step_bar(*, quiet: bool = False) -> Iterator[Callable[[Step], None]]:
    """A bar for each stage of a work; yields the function to call with each ``Step``. Stars are shown as a rate.

    Args:
        quiet: show nothing.
    """
    with _bar(quiet=quiet) as bar:
        tasks = {}
        began = {}

        def show(step: Step) -> None:
            if step.what not in tasks:
                tasks[step.what] = bar.add_task(step.what, total=step.total, rate="")
                began[step.what] = time.monotonic()
            passed = time.monotonic() - began[step.what]
            rate = f"{step.stars / passed / 1e6:.2f} M stars/s" if step.stars and passed > 0 else ""
            bar.update(tasks[step.what], completed=step.done, rate=rate)

        yield show


def _bar(*, quiet: bool) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=quiet or not console.is_terminal)
