"""How the work of a plan is cut into blocks: sizes that fit a device's shared memory, and the bytes they take there.

The sums are those of the pieces that the kernels take, in csrc/gpu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from clustercnn.render.plans import GridPlan

__all__ = ["THREADS", "Shapes", "block_shapes"]

THREADS = 256  # of a block; the widest row of a window, a warp, times its most rows
WARP = 32
RESERVED = 1024  # bytes of every block that CUDA keeps for itself
WIDE_AT_ONCE = 8  # as in csrc/gpu/smooth.hpp
TAIL_SUMS = 8 * (2 * 8 + 2) + 4 * 8  # a TailSums and a number per band, csrc/gpu/prepare.hpp


@dataclass(frozen=True)
class Shapes:
    """Sizes of blocks.

    Attributes:
        number: bytes of a number of the plan: 4, or 8 in double precision.
        cells, pixels: distance of two signals in shared memory, before and after folding.
        strip_rows, strips: rows of the grid of one block, and how many such strips there are.
        column_group, row_group: columns of modes, and rows of pixels, that a block transforms.
        shared: bytes of shared memory by kernel.
    """

    number: int
    cells: int
    pixels: int
    strip_rows: int
    strips: int
    column_group: int
    row_group: int
    shared: dict[str, int]


def block_shapes(plan: GridPlan, limit: int) -> Shapes:
    """Shapes for a device whose blocks may have ``limit`` bytes of shared memory.

    Two blocks share a multiprocessor where that leaves them strips of a useful size.

    Raises:
        InvalidInput: the frame is too large for this device.
    """
    number = 8 if plan.double_precision else 4
    period, bands = plan.periods[-1], len(plan.periods[-1].bands)
    # up to three bands of a window's row fall on different banks where signals are 9 words apart, modulo 32
    cells = period.cells + (9 - period.cells) % WARP
    pixels = period.pixels | 1
    fixed = _strip_overhead(plan, bands, number)
    per_pair = 2 * bands * cells * number
    budget = limit // 2 - RESERVED
    pairs = max((budget - fixed) // per_pair, 0) or (limit - RESERVED - fixed) // per_pair
    columns = _largest(2 * (cells + pixels) * number, budget, limit - RESERVED, most=32)
    rows = _largest(2 * pixels * number, budget, limit - RESERVED, most=32)
    if pairs < 1 or columns < 1 or rows < 1:
        raise InvalidInput(
            f"size: {plan.size} pixels do not fit the {limit} bytes of shared memory of this device's blocks; "
            "use a smaller size or backend 'cpp'"
        )
    strips = -(-period.cells // (2 * pairs))
    strip_rows = 2 * -(-period.cells // (2 * strips))
    return Shapes(
        number=number,
        cells=cells,
        pixels=pixels,
        strip_rows=strip_rows,
        strips=-(-period.cells // strip_rows),
        column_group=columns,
        row_group=2 * rows,
        shared={
            "prepare": TAIL_SUMS,
            "smooth_light": 2 * WIDE_AT_ONCE * pixels * 4,
            "draw_strip": fixed + strip_rows // 2 * per_pair,
            "transform_columns": columns * 2 * (cells + pixels) * number,
            "transform_rows": rows * 2 * pixels * number,
        },
    )


def _strip_overhead(plan: GridPlan, bands: int, number: int) -> int:
    """What a block that puts stars down holds beside its strip."""
    degree, taps = plan.taps.shape[0] - 1, plan.taps.shape[1]
    coefficients = taps * (degree + 1)
    records = THREADS * ((2 * taps + bands) | 1)
    numbers = coefficients + records + (coefficients + records) % 2
    return numbers * number + THREADS * (8 + 2 * 4 + 2 * 4) + THREADS // WARP * 4


def _largest(each: int, budget: int, limit: int, *, most: int) -> int:
    """The largest power of two up to ``most`` of which the budget holds one, or the limit if the budget holds none."""
    room = budget // each or limit // each
    return min(most, 1 << (room.bit_length() - 1)) if room else 0
