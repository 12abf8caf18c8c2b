"""The budget of a run, in time or steps, and the learning rate over it."""

from __future__ import annotations

import math

__all__ = ["learning_rate_factor", "spent"]


def spent(step: int, elapsed: float, *, budget: tuple[float | None, int | None]) -> float:
    """Share of the budget that is used up, 0 to 1; it ends when the first of two limits does.

    Args:
        step: optimiser steps so far.
        elapsed: seconds so far, resumed runs included.
        budget: seconds and steps; None is no limit.
    """
    seconds, steps = budget
    shares = [elapsed / seconds] if seconds is not None else []
    shares += [step / steps] if steps is not None else []
    return min(1.0, max(shares, default=0.0))


def learning_rate_factor(share: float, *, warmup: float) -> float:
    """Linear rise over the first ``warmup`` of the budget, then half a cosine down to 1 % of the peak.

    Reference: Loshchilov & Hutter 2017, arXiv:1608.03983.
    """
    if share < warmup:
        return (share + 0.01 * warmup) / (1.01 * warmup)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (share - warmup) / (1.0 - warmup)))
