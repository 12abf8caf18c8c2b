"""Device, threads and precision of a run."""

from __future__ import annotations

import copy
import os
import time
from typing import TYPE_CHECKING

import torch

from clustercnn.errors import MissingBackend
from clustercnn.training.losses import LossModule

if TYPE_CHECKING:
    from clustercnn.model.net import ClusterNet
    from clustercnn.training.settings import TrainSettings

__all__ = ["bf16_is_faster", "pick_device", "pick_threads"]


def pick_device(name: str, *, local: int = 0) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means here, for the rank with this local number.

    Raises:
        MissingBackend: ``cuda`` without a CUDA device.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise MissingBackend("train.device: 'cuda' was asked for, no CUDA device is here; use train.device=cpu")
    return torch.device("cuda", local) if there and name != "cpu" else torch.device("cpu")


def pick_threads(settings: TrainSettings, *, world: int) -> tuple[int, int]:
    """Threads of the optimiser and threads that draw scenes, for each of ``world`` processes on this machine."""
    cores = max(1, len(os.sched_getaffinity(0)) // world) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # drawing an image costs about as much as learning from it; threads that have nothing to draw sleep
    optimising = settings.threads or max(1, cores // 2)
    return optimising, settings.data_threads or max(cores - optimising, min(cores, 2))


def bf16_is_faster(net: ClusterNet, *, batch: int = 32, repeats: int = 2) -> bool:
    """Whether forward and backward of this network take less time in bfloat16, here and now.

    Args:
        net: on its device; left as it is.
        batch: images of the trial.
        repeats: timed repetitions, after one to warm up.
    """
    device = net.low.device
    trial = copy.deepcopy(net)
    images = torch.zeros(batch, net.bands, net.size, net.size, device=device)
    truth = (torch.ones(batch, device=device), (net.low + 0.5 * net.width).expand(batch, 4), images[:, 0, 0, 0])

    def seconds(module: LossModule) -> float:
        begin = 0.0
        for i in range(repeats + 1):
            if i == 1:
                begin = time.perf_counter()
            module(images, *truth).sum().backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        return time.perf_counter() - begin

    return seconds(LossModule(trial, bf16=True)) < seconds(LossModule(trial, bf16=False))
