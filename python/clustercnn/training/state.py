"""All that changes during a run, and nothing else: what a checkpoint holds."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from clustercnn.errors import DataFileError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Container

    from clustercnn.model.net import ClusterNet
    from clustercnn.training.settings import TrainSettings

__all__ = ["TrainState"]

_COUNTERS = ("step", "images", "elapsed", "waited", "skipped", "bad_in_a_row")


class TrainState:
    """Network, averaged network, optimiser and counters.

    No random state: scenes derive from (seed, step), and the network draws nothing.

    Args:
        net: the network to train, on its device.
        settings: learning rate, decay and averaging.
        known: names of the tensors that come from a finished network.

    Attributes:
        step: steps so far, skipped ones included. images: images so far. elapsed: seconds so far.
        parts: in which a batch is worked on, one after the other; 2 if memory is short.
        waited: seconds of waiting for data. skipped, bad_in_a_row: steps without a finite gradient, all and latest.
    """

    def __init__(self, net: ClusterNet, settings: TrainSettings, *, known: Container[str] = ()) -> None:
        self.net = net
        self.average = copy.deepcopy(net).eval().requires_grad_(requires_grad=False)
        self.optimizer = _optimizer(net, settings, known=known)
        self.decay = settings.ema
        self.step = 0
        self.images = 0
        self.elapsed = 0.0
        self.waited = 0.0
        self.skipped = 0
        self.bad_in_a_row = 0
        self.parts = 1
        norms = {k: m for k, m in net.named_modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))}
        self._statistics = [b for m in norms.values() for b in m.buffers()]
        self._norms = [
            (m, name.startswith("photometry."), f"{name}.running_mean" in known) for name, m in norms.items()
        ]
        self._kept = [b.clone() for b in self._statistics]

    def freeze_statistics(self, share: float, settings: TrainSettings) -> None:
        """From when on normalisation uses its running statistics as they are, not each batch's own.

        That of the photometry does so once it has seen enough, with the warm-up: the distribution of its inputs never
        changes, and a batch's own mean blurs colours by more than they are good for. What a finished network had
        measured stays from the first step: its weights are used to that, and batches' own took a loss of 0.8 to 4.5.
        """
        early = min(settings.freeze_statistics, max(settings.warmup, 0.02))
        for norm, photometry, known in self._norms:
            norm.train(share < (early if photometry else settings.freeze_statistics) and not known)

    def keep_statistics(self) -> None:
        """Remembers the running statistics of the normalisation, in case the coming step is a bad one."""
        torch._foreach_copy_(self._kept, self._statistics)

    def restore_statistics(self) -> None:
        """Puts back what ``keep_statistics`` remembered."""
        torch._foreach_copy_(self._statistics, self._kept)

    @torch.no_grad()
    def update_average(self) -> None:
        """Moves the averaged weights and statistics towards the present ones; faster at first, when all is new."""
        decay = min(self.decay, (1.0 + self.step) / (10.0 + self.step))
        average, current = self.average.state_dict(), self.net.state_dict()
        pairs = [(a, current[name]) for name, a in average.items()]
        real = [(a, c) for a, c in pairs if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in real], [c for _, c in real], 1.0 - decay)
        for a, c in pairs:
            if not a.is_floating_point():
                a.copy_(c)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers, as ``save_checkpoint`` takes them."""
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: getattr(self, name) for name in _COUNTERS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over a checkpoint.

        Raises:
            DataFileError: the checkpoint is of another network.
        """
        try:
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            for name in _COUNTERS:
                setattr(self, name, state[name])
        except (RuntimeError, KeyError, ValueError) as error:
            raise DataFileError(f"checkpoint: it does not fit this network ({str(error).splitlines()[0]})") from error


def _optimizer(net: ClusterNet, settings: TrainSettings, *, known: Container[str]) -> torch.optim.AdamW:
    """AdamW (arXiv:1711.05101) with no decay on biases and normalisation; fused: 4 instead of 13 ms a step on a CPU.

    Each group has, beside AdamW's own settings, ``rate``: its share of the learning rate. What has none asks for no
    gradients from here on.

    Raises:
        InvalidInput: nothing is left to learn.
    """
    groups = []
    for here, rate in ((False, 1.0), (True, settings.known_rate)):
        some = [p for name, p in net.named_parameters() if (name in known) == here]
        if rate == 0:
            for p in some:
                p.requires_grad_(requires_grad=False)  # spares the way back through a trunk that stays as it is
            continue
        for decay, vectors in ((settings.weight_decay, False), (0.0, True)):
            chosen = [p for p in some if (p.ndim < 2) == vectors]
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "rate": rate})
    if not groups:
        raise InvalidInput("train.known_rate: 0, and start_from gives every part: nothing to learn; above 0 is allowed")
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)
