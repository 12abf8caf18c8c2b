"""Several processes, one run: what ``torchrun`` sets up. The only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import distributed, nn

from clustercnn.errors import InvalidInput

__all__ = ["Ranks", "join_ranks"]


@dataclass(frozen=True)
class Ranks:
    """Which process of how many this is."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def shard(self, batch_size: int) -> tuple[int, tuple[int, int]]:
        """Images per step of this rank and where they begin in the run: (n, (offset, stride)).

        The ranks' shares of a step make up exactly the batch that one process would draw.

        Raises:
            InvalidInput: a batch that does not divide among the ranks, or leaves one of them a single image.
        """
        if batch_size % self.world or batch_size < 2 * self.world:
            raise InvalidInput(
                f"train.batch_size: {batch_size}; a multiple of the {self.world} ranks, for two images each or more, "
                "is allowed"
            )
        n = batch_size // self.world
        return n, (self.rank * n, batch_size)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the ranks."""
        return nn.parallel.DistributedDataParallel(module) if self.world > 1 else module

    def agree(self, value: float) -> float:
        """Rank 0's value, on every rank: clocks and signals differ, decisions must not."""
        if self.world == 1:
            return value
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.broadcast(shared, src=0)
        return float(shared)

    def any(self, flag: bool) -> bool:
        """Whether the flag is up on any rank."""
        if self.world == 1:
            return flag
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        shared = torch.tensor([int(flag)], device=device)
        distributed.all_reduce(shared, op=distributed.ReduceOp.MAX)
        return bool(shared)

    def leave(self) -> None:
        """Ends the process group."""
        if self.world > 1:
            distributed.destroy_process_group()


def join_ranks(device: str) -> Ranks:
    """The ranks of this run: from torchrun's environment, or one process alone."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    ranks = Ranks(int(os.environ["RANK"]), world, int(os.environ.get("LOCAL_RANK", "0")))
    if device == "cuda":
        torch.cuda.set_device(ranks.local)  # "cuda" is then each rank's own; NCCL refuses two ranks on one
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    return ranks
