"""The two small heads: is a cluster there, and how visible is it."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ScalarHead"]


class ScalarHead(nn.Module):
    """One number per image from its features, through one hidden layer.

    Args:
        context: length of the feature vector.
        hidden: width of the layer.
        start: what it answers before training.
    """

    def __init__(self, context: int, *, hidden: int, start: float = 0.0) -> None:
        super().__init__()
        self.hidden = nn.Linear(context, hidden)
        self.out = nn.Linear(hidden, 1)
        nn.init.constant_(self.out.bias, start)

    def forward(self, context: Tensor) -> Tensor:
        """Features [n, context] to [n]."""
        return self.out(self.hidden(context).relu()).squeeze(-1)
