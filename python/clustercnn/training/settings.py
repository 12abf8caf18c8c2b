"""Every choice of a training run in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass

from clustercnn.errors import InvalidInput

__all__ = ["TrackerSettings", "TrainSettings"]

_POSITIVE = (
    "minutes",
    "steps",
    "default_minutes",
    "batch_size",
    "learning_rate",
    "grad_clip",
    "validation_size",
    "validate_minutes",
    "checkpoint_minutes",
    "checkpoint_steps",
    "max_bad_steps",
    "threads",
    "data_threads",
    "prefetch",
)


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Args:
        minutes: budget of wall time; the learning rate anneals over exactly this time.
        steps: budget of optimiser steps. With both, the budget that is used up first ends the run.
        default_minutes: the budget when neither is given.
        batch_size: images per step, over all ranks.
        learning_rate: at its peak.
        known_rate: share of the learning rate for weights that ``start_from`` gives; 0 leaves them as they are.
        warmup: share of the budget over which the learning rate rises.
        weight_decay: of AdamW, on weights with two dimensions or more.
        grad_clip: largest norm of the gradient.
        ema: decay per step of the averaged weights, which are what is exported.
        freeze_statistics: share of the budget after which the trunk's normalisation uses its running statistics, as the
            exported network does; that of the photometry does after ``warmup``, and what comes from a finished network
            (``start_from``) from the first step. Statistics of single batches add noise that the posterior learns to
            allow for: with it the intervals would come out too wide.
        presence_weight, log_snr_weight: weights of these losses beside the posterior's.
        bf16: trunk in bfloat16; None measures which is faster (off when deterministic).
        deterministic: only operations that give the same bits every time; needs ``steps``, and minutes are ignored.
        validation_size: held-out scenes.
        validate_minutes: time between validations.
        recalibrate: held-out scenes to which the finished posterior's calibration is corrected, rounded up to whole
            batches of 128; 0 leaves it as it is. Twenty thousand leave coverage off by up to 1.7 % in thirds of the
            mocks, a hundred thousand by 1.2 %.
        checkpoint_minutes: time between checkpoints.
        checkpoint_steps: steps between checkpoints, beside the time.
        max_bad_steps: steps in a row without a finite gradient after which the run gives up.
        device: "auto", "cpu" or "cuda".
        render_device: where scenes are drawn: "auto" (on the GPU that trains, if CuPy is there), "cpu" or "cuda".
        threads: threads of the optimiser; None is half of the cores.
        data_threads: threads that draw scenes; None is the other half, at least two where there are two cores.
        prefetch: batches kept ready.
        figures: draw early figures after the first validation.
    """

    minutes: float | None = None
    steps: int | None = None
    default_minutes: float = 8.0
    batch_size: int = 64
    learning_rate: float = 2.5e-3
    known_rate: float = 0.2
    warmup: float = 0.05
    weight_decay: float = 0.01
    grad_clip: float = 2.0
    ema: float = 0.99
    freeze_statistics: float = 0.7
    presence_weight: float = 3.0
    log_snr_weight: float = 1.0
    bf16: bool | None = None
    deterministic: bool = False
    validation_size: int = 1024
    validate_minutes: float = 1.0
    recalibrate: int = 2048
    checkpoint_minutes: float = 2.0
    checkpoint_steps: int | None = None
    max_bad_steps: int = 20
    device: str = "auto"
    render_device: str = "auto"
    threads: int | None = None
    data_threads: int | None = None
    prefetch: int = 3
    figures: bool = True

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidInput(f"train.{name}: {value}; a value above 0 is allowed")
        if self.batch_size < 2:
            raise InvalidInput(f"train.batch_size: {self.batch_size}; at least 2, which statistics need, is allowed")
        for name in ("warmup", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidInput(f"train.{name}: {getattr(self, name)}; 0 <= value < 1 is allowed")
        for name in ("freeze_statistics", "known_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"train.{name}: {getattr(self, name)}; 0 to 1 is allowed")
        for name in ("weight_decay", "presence_weight", "log_snr_weight", "recalibrate"):
            if not getattr(self, name) >= 0:
                raise InvalidInput(f"train.{name}: {getattr(self, name)}; a value of at least 0 is allowed")
        for name in ("device", "render_device"):
            if (value := getattr(self, name)) not in ("auto", "cpu", "cuda"):
                raise InvalidInput(f"train.{name}: {value!r}; auto, cpu or cuda is allowed")
        if self.deterministic and self.steps is None:
            raise InvalidInput("train.deterministic: true needs a budget in steps; set train.steps")

    @property
    def budget(self) -> tuple[float | None, int | None]:
        """Seconds and steps that end the run; None where there is no such limit."""
        if self.deterministic:
            return None, self.steps
        if self.minutes is None and self.steps is None:
            return 60.0 * self.default_minutes, None
        return None if self.minutes is None else 60.0 * self.minutes, self.steps


@dataclass(frozen=True)
class TrackerSettings:
    """Where the run's curves and figures go.

    Args:
        mode: "offline" (files in the run folder), "online" (wandb.ai) or "disabled".
        project: name of the W&B project.
        name: name of the run; None lets W&B choose.
        every: steps between two entries of the training curves.
    """

    mode: str = "offline"
    project: str = "clustercnn"
    name: str | None = None
    every: int = 20

    def __post_init__(self) -> None:
        if self.mode not in ("offline", "online", "disabled"):
            raise InvalidInput(f"tracker.mode: {self.mode!r}; offline, online or disabled is allowed")
        if self.every < 1:
            raise InvalidInput(f"tracker.every: {self.every}; 1 or more is allowed")
