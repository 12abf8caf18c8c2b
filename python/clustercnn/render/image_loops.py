"""From stars to an image as readable loops of numba: the fallback without the extension, and the specification.

The same steps as csrc/canvas.hpp and csrc/convolve.hpp: stars are spread over a grid [row, cell * band], which is
transformed along y, then along x, multiplied by kernel / window, folded to the pixels' modes and transformed back.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clustercnn.render.fft_loops import FUSED, run

__all__ = ["columns_forward", "columns_inverse", "deposit", "rows"]


@njit(cache=True, fastmath=FUSED)
def deposit(stars, taps, frame, grid):
    """Spreads stars over the grid; returns the box of cells touched, (x0, x1, y0, y1), half-open.

    Args:
        stars: x, y [n] pixels and flux [n, band] e-/s.
        taps: [degree + 1, w] polynomials of the window, highest degree first.
        frame: (margin, cells per pixel, lowest and highest coordinate from which light reaches the frame), pixels.
        grid: [row, cell * band], added to.
    """
    x, y, flux = stars
    margin, density, low, high = frame
    w, bands = taps.shape[1], flux.shape[1]
    x0, x1, y0, y1 = 1 << 30, 0, 1 << 30, 0
    along_y, row = np.empty(w, dtype=grid.dtype), np.empty(w * bands, dtype=grid.dtype)
    for s in range(x.size):
        if not (low < x[s] < high and low < y[s] < high):  # what is not a number is left out too
            continue
        left_x, left_y = (x[s] + margin) * density - 0.5 * w, (y[s] + margin) * density - 0.5 * w
        ix, iy = math.ceil(left_x), math.ceil(left_y)
        zx, zy = 2.0 * (ix - left_x) - 1.0, 2.0 * (iy - left_y) - 1.0
        for j in range(w):
            px, py = taps[0, j], taps[0, j]
            for d in range(1, taps.shape[0]):
                px, py = px * zx + taps[d, j], py * zy + taps[d, j]
            along_y[j] = py
            for b in range(bands):
                row[j * bands + b] = px * flux[s, b]
        for j in range(w):
            to = grid[iy + j, ix * bands : (ix + w) * bands]
            for i in range(row.size):
                to[i] += along_y[j] * row[i]
        x0, x1, y0, y1 = min(x0, ix), max(x1, ix + w), min(y0, iy), max(y1, iy + w)
    return x0, x1, y0, y1


@njit(cache=True)
def columns_forward(grid, box, columns, memory, half):
    """Transforms the grid along y: two vectors of columns at a time, told apart by Hermitian symmetry.

    Args:
        grid: see ``deposit``.
        box: of cells touched.
        columns: first and last column of ``grid`` to do, a multiple of two vectors apart.
        memory: transform of the domain's cells, and scratch [cells, 2, lanes].
        half: [2, mode, column], filled.
    """
    plan, scratch = memory
    n, lanes = scratch.shape[0], scratch.shape[2]
    for start in range(columns[0], columns[1], 2 * lanes):
        scratch[:] = 0
        for y in range(box[2], box[3]):
            scratch[y % n, 0], scratch[y % n, 1] = (
                grid[y, start : start + lanes],
                grid[y, start + lanes : start + 2 * lanes],
            )
        run(scratch, plan)
        for k in range(half.shape[1]):
            p, q = scratch[plan.position[k]], scratch[plan.position[(n - k) % n]]
            re, im = half[0, k, start : start + 2 * lanes], half[1, k, start : start + 2 * lanes]
            for lane in range(lanes):
                pr, pi, qr, qi = p[0, lane], p[1, lane], q[0, lane], q[1, lane]
                re[lane], im[lane] = (pr + qr) / 2, (pi - qi) / 2
                re[lanes + lane], im[lanes + lane] = (pi + qi) / 2, (qr - pr) / 2


@njit(cache=True, fastmath=FUSED)
def rows(half, box, band, memory, light, folded):
    """One band along x, a vector of rows at a time: forward, times transfer, folded, and back at whole pixels.

    Args:
        half: from ``columns_forward``.
        box: of cells touched.
        band: (number of the band, how many there are).
        memory: transforms of the domain's cells and, inverse, of its pixels; scratch [cells, 2, lanes] and
            [pixels, 2, lanes].
        light: transfer [2, 2 K + 1, padded K + 1], kx from -K; and the smooth light's modes like it, or an empty array.
        folded: [2, P / 2 + 1, P], added to: rows of modes ky, in x.
    """
    (forward, inverse), (cells, pixels), (transfer, smooth) = memory[0], memory[1], light
    n, p, lanes, modes = cells.shape[0], pixels.shape[0], cells.shape[2], transfer.shape[1] // 2
    for first in range(0, modes + 1, lanes):
        used = min(lanes, modes + 1 - first)
        cells[:] = 0
        for cell in range(box[0], box[1]):
            to, column = cells[cell % n], cell * band[1] + band[0]
            for lane in range(used):
                to[0, lane], to[1, lane] = half[0, first + lane, column], half[1, first + lane, column]
        run(cells, forward)
        pixels[:] = 0
        for kx in range(-modes, modes + 1):
            f, g = cells[forward.position[kx % n]], pixels[kx % p]
            tr, ti = transfer[0, kx + modes, first : first + lanes], transfer[1, kx + modes, first : first + lanes]
            if smooth.size:
                f[0] += smooth[0, kx + modes, first : first + lanes]
                f[1] += smooth[1, kx + modes, first : first + lanes]
            for lane in range(lanes):
                g[0, lane] += f[0, lane] * tr[lane] - f[1, lane] * ti[lane]
                g[1, lane] += f[0, lane] * ti[lane] + f[1, lane] * tr[lane]
        run(pixels, inverse)
        fold(pixels, inverse.position, (first, used), folded)


@njit(cache=True)
def fold(pixels, position, block, folded):
    """Adds rows ky of a block to row ky mod P, or to its mirror image, of the half plane."""
    p = pixels.shape[0]
    for lane in range(block[1]):
        ky = block[0] + lane
        row = ky % p
        mirrored = row > p // 2
        both = ky > 0 and (row == 0 or 2 * row == p)  # -ky lands on the same row
        at = p - row if mirrored else row
        for x in range(p):
            re, im = pixels[position[x], 0, lane], pixels[position[x], 1, lane]
            folded[0, at, x] += 2 * re if both else re
            if not both:
                folded[1, at, x] += -im if mirrored else im


@njit(cache=True)
def columns_inverse(folded, margin, plan, scratch, image):
    """Transforms ``folded`` along y into ``image`` [y, x], whose first pixel is pixel ``margin`` of the domain."""
    p, lanes, size = scratch.shape[0], scratch.shape[2], image.shape[0]
    for start in range(0, size, 2 * lanes):
        scratch[:] = 0
        for k in range(p // 2 + 1):
            a, b = scratch[k], scratch[(p - k) % p]
            paired = k > 0 and 2 * k < p
            for half in range(2):  # two vectors of columns: two Hermitian spectra in one complex transform
                turn = 1 - 2 * half
                for lane in range(min(lanes, size - start - half * lanes)):
                    x = (margin + start + half * lanes + lane) % p
                    re, im = folded[0, k, x], folded[1, k, x]
                    a[half, lane] += re
                    a[1 - half, lane] += turn * im
                    if paired:
                        b[half, lane] += re
                        b[1 - half, lane] -= turn * im
        run(scratch, plan)
        for y in range(size):
            f = scratch[plan.position[(margin + y) % p]]
            for half in range(2):
                for lane in range(min(lanes, size - start - half * lanes)):
                    image[y, start + half * lanes + lane] = f[half, lane]
