"""What a survey or a prior holds, as YAML gives it: numbers, ranges and mappings, or one line on what is wrong."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from clustercnn.errors import InvalidInput

__all__ = ["known_keys", "known_name", "mapping", "number", "number_range"]


def number(
    value: Any, where: str, *, low: float = -math.inf, above: float | None = None, high: float = math.inf
) -> float:
    """``value`` as a finite float; a text that is a number counts, as YAML 1.1 reads 1e-8 as one.

    Args:
        value: anything.
        where: what a message calls it.
        low: least value allowed.
        above: instead of ``low``: a value that it must exceed.
        high: largest value allowed.

    Raises:
        InvalidInput: no number, not finite, or out of range.
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if math.isfinite(found) and low <= found <= high and (above is None or found > above):
        return found
    if high < math.inf:
        allowed = f"{low:g} to {high:g}"
    elif above is not None or low > -math.inf:
        allowed = f"a number {'>=' if above is None else '>'} {low if above is None else above:g}"
    else:
        allowed = "a number"
    raise InvalidInput(f"{where}: {value!r}; {allowed} is allowed")


def number_range(value: Any, where: str) -> tuple[float, float]:
    """``value`` as (low, high). Raises ``InvalidInput`` unless it is a list of two numbers, the lower one first."""
    value = list(value) if isinstance(value, tuple) else value
    if isinstance(value, list) and len(value) == 2:
        low, high = (number(v, where) for v in value)
        if low <= high:
            return low, high
    raise InvalidInput(f"{where}: {value!r}; [low, high] with low <= high is allowed")


def mapping(value: Any, where: str) -> dict[str, Any]:
    """``value`` as a dict. Raises ``InvalidInput`` unless it is a mapping."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{where}: {value!r}; a mapping of names to values is needed")
    return dict(value)


def known_name(what: str, name: str, allowed: tuple[str, ...] | list[str], *, where: str) -> None:
    """Raises ``InvalidInput`` unless ``name`` is allowed; the message gives the nearest names."""
    if name not in allowed:
        near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInput(f"{where}: {what} {name!r} is unknown; {hint}allowed: {', '.join(allowed)}")


def known_keys(
    given: Mapping[str, Any],
    allowed: tuple[str, ...],
    *,
    where: str,
    required: bool = False,
    optional: tuple[str, ...] = (),
) -> None:
    """Raises ``InvalidInput`` for a key neither allowed nor optional; if ``required``, for an allowed one missing."""
    for key in given:
        known_name("entry", key, (*allowed, *optional), where=where)
    missing = [key for key in allowed if key not in given]
    if required and missing:
        raise InvalidInput(f"{where}: {', '.join(missing)} missing; needed: {', '.join(allowed)}")
