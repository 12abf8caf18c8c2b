"""The optimiser's loop: one step, and steps until the budget is spent."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

from clustercnn.errors import ClusterCNNError, DeviceMemoryError
from clustercnn.training.schedule import learning_rate_factor, spent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from clustercnn.data.stream import Batch, SceneStream
    from clustercnn.training.distributed import Ranks
    from clustercnn.training.settings import TrainSettings
    from clustercnn.training.state import TrainState

__all__ = ["TrainingDiverged", "take_step", "train"]


class TrainingDiverged(ClusterCNNError, RuntimeError):
    """Too many steps in a row had no finite gradient; the checkpoint on disk is from before."""


def take_step(
    state: TrainState, module: nn.Module, batch: Batch, *, settings: TrainSettings, share: float
) -> Tensor | None:
    """One optimiser step; a step whose gradient is not finite leaves the network as it was.

    Args:
        state: network, average, optimiser and counters; changed in place.
        module: the ``LossModule`` of ``state.net``, wrapped for the ranks.
        batch: images and truth.
        settings: of the run.
        share: of the budget, 0 to 1; sets the learning rate.

    Returns:
        The losses [3], or None for a skipped step.

    Raises:
        DeviceMemoryError: half a batch does not fit into the device's memory. Where only a whole one does not, a
            warning says so, and from then on its halves are worked on one after the other.
    """
    device = state.net.low.device
    rate = settings.learning_rate * learning_rate_factor(share, warmup=settings.warmup)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group["rate"]
    state.freeze_statistics(share, settings)
    state.keep_statistics()
    images, *truth = (
        t.to(device, non_blocking=True) for t in (batch.images, batch.present, batch.labels, batch.log_snr)
    )
    weights = images.new_tensor([settings.presence_weight, 1.0, settings.log_snr_weight])
    values = None
    while values is None:
        try:
            values = _gradient(state, module, (images, *truth), weights)
        except torch.OutOfMemoryError as error:
            _halve(state, len(images), error)
        if values is None:  # not within the handler: the error's frames hold what memory has to be freed
            torch.cuda.empty_cache()
    norm = nn.utils.clip_grad_norm_(state.net.parameters(), settings.grad_clip)
    good = bool(torch.isfinite(norm))  # the norm is of the averaged gradient: all ranks see the same
    if good:
        state.optimizer.step()
        state.update_average()
        state.bad_in_a_row = 0
    else:
        state.restore_statistics()
        state.skipped += 1
        state.bad_in_a_row += 1
    state.step += 1
    state.images += settings.batch_size
    return values if good else None


def _gradient(state: TrainState, module: nn.Module, tensors: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Fills the gradients; returns the losses [3]. In parts, if the batch does not fit into memory as a whole."""
    state.optimizer.zero_grad(set_to_none=True)
    total = torch.zeros_like(weights)
    for part in zip(*(t.chunk(state.parts) for t in tensors), strict=True):
        values = module(*part)
        ((values * weights).sum() / state.parts).backward()
        total += values.detach() / state.parts
    return total


def _halve(state: TrainState, n: int, error: torch.OutOfMemoryError) -> None:
    """From here on two halves of a batch, one after the other; raises ``DeviceMemoryError`` if that was not enough."""
    if state.parts > 1 or n < 2:
        raise DeviceMemoryError(
            f"train.batch_size: {n // state.parts} images do not fit into the device's memory; use a smaller "
            "train.batch_size or model, or free memory that other programs hold"
        ) from error
    state.parts = 2
    state.restore_statistics()
    warnings.warn(
        f"the device has not enough memory for the gradients of {n} images; {n // 2} at once from here on",
        RuntimeWarning,
        stacklevel=3,
    )


def train(
    state: TrainState,
    module: nn.Module,
    stream: SceneStream,
    *,
    settings: TrainSettings,
    ranks: Ranks,
    after_step: Callable[[float, Tensor | None], None],
    stopped: Callable[[], bool],
) -> bool:
    """Steps until the budget is spent; True then, False when ``stopped`` said so earlier.

    Args:
        state, module: as for ``take_step``.
        stream: of batches, at ``state.step``.
        settings: of the run.
        ranks: the processes that share the run.
        after_step: called after each step with the share of the budget and the losses (None for a skipped step).
        stopped: asked before each step.

    Raises:
        TrainingDiverged: more than ``settings.max_bad_steps`` steps in a row without a finite gradient.
    """
    begin = time.perf_counter() - state.elapsed
    waited = state.waited
    while True:
        share = ranks.agree(spent(state.step, state.elapsed, budget=settings.budget))
        if share >= 1.0:
            return True
        if ranks.any(stopped()):
            return False
        values = take_step(state, module, next(stream), settings=settings, share=share)
        state.elapsed = time.perf_counter() - begin
        state.waited = waited + stream.waited
        if state.bad_in_a_row > settings.max_bad_steps:
            raise TrainingDiverged(
                f"training: {state.bad_in_a_row} steps in a row (up to step {state.step}) had no finite gradient; "
                f"try a smaller train.learning_rate (now {settings.learning_rate:g}) or train.bf16=false"
            )
        after_step(share, values)
