"""What happens beside the steps: progress, curves, validation, checkpoints, early figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from clustercnn.training.losses import LOSS_NAMES
from clustercnn.training.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from clustercnn.data.stream import Batch
    from clustercnn.training.progress import ProgressLine
    from clustercnn.training.settings import TrainSettings
    from clustercnn.training.state import TrainState
    from clustercnn.training.trackers import Tracker

__all__ = ["Watch"]


class Watch:
    """Called after each step of the first rank.

    Args:
        state: of the run.
        settings: of the run.
        validation: the held-out scenes.
        entropy: of the prior, nats; the posterior loss of a network that knows nothing.
        tracker: takes curves, every ``every`` steps.
        line: shows progress.
        save: writes a checkpoint.
        early: called once, after the first validation.
    """

    def __init__(
        self,
        state: TrainState,
        settings: TrainSettings,
        *,
        validation: Batch,
        entropy: float,
        tracker: tuple[Tracker, int],
        line: ProgressLine,
        actions: tuple[Callable[[], None], Callable[[], None]],
    ) -> None:
        self.state, self.settings, self.validation, self.entropy, self.line = state, settings, validation, entropy, line
        self.tracker, self.every = tracker
        self.save, self.early = actions
        self.history: list[dict[str, float]] = []
        self._mean: float | None = None
        self._begin = (time.perf_counter(), state.images, state.waited)
        self._saved = self._validated = state.elapsed
        seconds, _ = settings.budget
        between = 60.0 * settings.validate_minutes
        # the first look comes early in a short run
        self._first_after = min(between, 0.15 * seconds) if seconds is not None else between

    def __call__(self, share: float, values: Tensor | None) -> None:
        """Follows one step; ``values`` are its losses [3], None when it was skipped."""
        state, settings = self.state, self.settings
        if values is not None:
            total = float(values.sum())
            self._mean = total if self._mean is None else 0.95 * self._mean + 0.05 * total
        self._show(share)
        if values is not None and state.step % self.every == 0:
            curves = {f"train/{name}": v for name, v in zip(LOSS_NAMES, values.tolist(), strict=True)}
            curves |= {"train/learning_rate": state.optimizer.param_groups[0]["lr"], "speed/images_per_s": self.rate}
            curves |= {"speed/data_wait": self.wait, "train/skipped": float(state.skipped)}
            self.tracker.scalars(state.step, curves)
        between = 60.0 * settings.validate_minutes if self.history else self._first_after
        if state.elapsed - self._validated >= between and share < 0.95:
            self.validate()
            if len(self.history) == 1:
                self.early()
        by_step = settings.checkpoint_steps is not None and state.step % settings.checkpoint_steps == 0
        if by_step or state.elapsed - self._saved >= 60.0 * settings.checkpoint_minutes:
            self.save()
            self._saved = state.elapsed

    @property
    def rate(self) -> float:
        """Images per second since the run was started or resumed, waits and validations included."""
        begin, images, _ = self._begin
        return (self.state.images - images) / max(time.perf_counter() - begin, 1e-9)

    @property
    def wait(self) -> float:
        """Share of the time since then that the optimiser waited for data."""
        begin, _, waited = self._begin
        return (self.state.waited - waited) / max(time.perf_counter() - begin, 1e-9)

    def validate(self) -> dict[str, float]:
        """Judges the averaged network and says so."""
        state = self.state
        values = validate(state.average, self.validation)
        values["nats_below_prior"] = self.entropy - values["posterior"]
        self.history.append({"step": state.step, "images": state.images, **values})
        self._validated = state.elapsed
        self.tracker.scalars(state.step, {f"validation/{name}": v for name, v in values.items()})
        self.line.say(
            f"held-out, step {state.step}: posterior {values['nats_below_prior']:+.2f} nats below the prior, "
            f"presence AUC {values['auc']:.3f}, log S/N loss {values['log_snr']:.3f}"
        )
        return values

    def _show(self, share: float) -> None:
        left = self.state.elapsed * (1.0 - share) / share if share > 0 else 0.0
        mean = float("nan") if self._mean is None else self._mean
        self.line.update(share, step=self.state.step, loss=mean, rate=self.rate, wait=self.wait, left=left)
