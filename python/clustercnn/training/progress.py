"""What a run shows on the terminal: a bar, or a plain line now and then when nobody watches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ProgressLine", "duration"]


def duration(seconds: float) -> str:
    """Minutes and seconds, as in 6:05."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


class ProgressLine:
    """Loss, images/s, share of the time that the optimiser waits for data, and time left.

    Args:
        quiet: show nothing (ranks other than the first).
        every: seconds between plain lines when the output is not a terminal.
    """

    def __init__(self, *, quiet: bool = False, every: float = 15.0) -> None:
        self._console = Console(stderr=False, quiet=quiet, soft_wrap=True, highlight=False)
        self._every = every
        self._last = time.monotonic()
        self._bar: Progress | None = None
        if self._console.is_terminal and not quiet:
            columns = (TextColumn("training"), BarColumn(bar_width=24), TextColumn("{task.fields[text]}"))
            self._bar = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)
            self._task = self._bar.add_task("training", total=1.0, text="starts")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        self._console.print(text, markup=False)

    def update(self, share: float, *, step: int, loss: float, rate: float, wait: float, left: float) -> None:
        """Shows where the run is.

        Args:
            share: of the budget, 0 to 1.
            step: steps so far.
            loss: recent mean of the total loss.
            rate: images per second.
            wait: share of the time spent waiting for data, 0 to 1.
            left: seconds to the end of the budget.
        """
        text = f"step {step}  loss {loss:.3f}  {rate:.0f} images/s  data wait {100 * wait:.0f} %  left {duration(left)}"
        if self._bar is not None:
            self._bar.update(self._task, completed=share, text=text)
        elif time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._console.print(f"{100 * share:3.0f} %  {text}", markup=False)
