"""The parts of a field with random numbers of their own: the pieces of its maps, its tiles, groups and galaxies."""

from __future__ import annotations

__all__ = ["part_number"]

# the order is part of what a seed means: append only; part 0 is the field as a whole
_KINDS = ("whole", "map 0", "map 1", "map 2", "map 3", "tile", "group", "galaxy")
_OFFSET = 2**27  # rows and columns reach from minus this to this


def part_number(kind: str, row: int, column: int = 0) -> int:
    """Number of a part for ``generator``: its kind, and its row and column, or its number and 0."""
    return (_KINDS.index(kind) << 56) + ((row + _OFFSET) << 28) + column + _OFFSET
