"""Weights of a finished network as the first ones of a run: to go on in another survey, or with a trunk added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from clustercnn.model import ClusterNet

__all__ = ["Start", "take_weights"]


@dataclass(frozen=True)
class Start:
    """A finished network to start from.

    Args:
        name: what messages call it.
        weights: its tensors by name.
        made_by: what its metadata says of its training, and its checksum.
    """

    name: str
    weights: Mapping[str, Tensor]
    made_by: Mapping[str, Any]

    def with_trunk(self, other: Start) -> Start:
        """The same with another network's trunk, and nothing yet that reads it: that is for the run to learn.

        A trunk that learned together with photometry knows what pixels tell. One that begins beside photometry that has
        learned already is noise to it, and never gets far.

        Raises:
            InvalidInput: ``other`` has no trunk.
        """
        trunk = {k: v for k, v in other.weights.items() if k.startswith(("trunk.", "from_maps.norm."))}
        if not trunk:
            raise InvalidInput(f"trunk_from: {other.name} has no trunk")
        rest = {k: v for k, v in self.weights.items() if not k.startswith(("trunk.", "from_maps."))}
        made_by = {**self.made_by, "trunk_from": dict(other.made_by)}
        return Start(f"{self.name} with the trunk of {other.name}", {**rest, **trunk}, made_by)


@torch.no_grad()
def take_weights(net: ClusterNet, start: Start) -> list[str]:
    """Copies weights and statistics of normalisation by name; bounds, stretch and apertures stay the net's own.

    Args:
        net: the network to start; changed in place.
        start: the network to start from.

    Returns:
        names of the parts of ``net`` that ``start`` has nothing for, and that start from random weights.

    Raises:
        InvalidInput: a part of another shape, or nothing in common.
    """
    mine = _learned(net)
    common = {name: start.weights[name] for name in mine if name in start.weights}
    for name, theirs in common.items():
        if theirs.shape != mine[name].shape:
            raise InvalidInput(
                f"start_from: {start.name} has {name} of shape {list(theirs.shape)}, this network of "
                f"{list(mine[name].shape)}; use the model settings and bands that it was trained with"
            )
    if not common:
        raise InvalidInput(f"start_from: {start.name} has no part in common with this network")
    for name, theirs in common.items():
        mine[name].copy_(theirs)
    return sorted({name.split(".")[0] for name in mine if name not in common})


def _learned(net: nn.Module) -> dict[str, Tensor]:
    """What training changes: parameters, and the buffers of normalisation."""
    found: dict[str, Tensor] = dict(net.named_parameters())
    for name, module in net.named_modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            found |= {f"{name}.{key}": value for key, value in module.named_buffers()}
    return found
