"""Fourier transforms of many signals at once as readable loops, compiled by numba; see csrc/fft.hpp.

Element i of all signals is ``x[i]`` [2 (re, im), lanes], so that the innermost loops run over lanes and become vectors.
Passes work in place (decimation in frequency); the results lie in the order that ``position`` gives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["Transform", "run", "transform"]

FUSED = {"contract", "nsz"}  # multiply and add in one instruction


class Transform(NamedTuple):
    """What the passes need.

    Attributes:
        radices: int64 [pass].
        twiddles: [all, 2] (re, im): for each pass but the last, exp(± 2 pi i j q / length) for each j and in it for
            q = 1 .. radix - 1.
        constants: the sign; 1/2 and sin(60°) of radix 3; cosines and sines of 72° and 144° of radix 5. Sines carry the
            sign.
        position: int64 [n], where mode k lies after the last pass.
    """

    radices: np.ndarray
    twiddles: np.ndarray
    constants: np.ndarray
    position: np.ndarray


def transform(n: int, sign: int, dtype: type) -> Transform:
    """The transform of ``n`` = 2^a 3^b 5^c elements with exp(sign 2 pi i j k / n)."""
    radices, rest = [], n
    for radix in (4, 2, 3, 5):
        while rest % radix == 0:
            radices.append(radix)
            rest //= radix
    twiddles, length = [np.empty((0, 2))], n
    for radix in radices[:-1]:
        turn = np.exp(sign * 2j * np.pi / length * np.outer(np.arange(length // radix), np.arange(1, radix))).ravel()
        twiddles.append(np.stack([turn.real, turn.imag], axis=1))
        length //= radix
    mode, weight, groups, index = np.zeros(n, dtype=np.int64), 1, n, np.arange(n)
    for radix in radices:
        groups //= radix
        mode += index // groups * weight
        index %= groups
        weight *= radix
    angle = 2 * np.pi / np.array([3, 5, 2.5])
    constants = [sign, 0.5, sign * np.sin(angle[0]), *np.cos(angle[1:]), *(sign * np.sin(angle[1:]))]
    return Transform(
        np.array(radices), np.concatenate(twiddles).astype(dtype), np.array(constants, dtype=dtype), np.argsort(mode)
    )


@njit(cache=True, fastmath=FUSED)
def pass2(x, w, length):
    """One pass of radix 2 over blocks of ``length`` elements."""
    m = length // 2
    for base in range(0, x.shape[0], length):
        for j in range(m):
            wr, wi = w[j, 0], w[j, 1]
            a, b = x[base + j], x[base + j + m]
            for lane in range(x.shape[2]):
                ar, ai, br, bi = a[0, lane], a[1, lane], b[0, lane], b[1, lane]
                a[0, lane], a[1, lane] = ar + br, ai + bi
                pr, pi = ar - br, ai - bi
                b[0, lane], b[1, lane] = pr * wr - pi * wi, pr * wi + pi * wr


@njit(cache=True, fastmath=FUSED)
def pass3(x, w, length, constants):
    """One pass of radix 3."""
    m, half, sine = length // 3, constants[1], constants[2]
    for base in range(0, x.shape[0], length):
        for j in range(m):
            w1r, w1i, w2r, w2i = w[2 * j, 0], w[2 * j, 1], w[2 * j + 1, 0], w[2 * j + 1, 1]
            a, b, c = x[base + j], x[base + j + m], x[base + j + 2 * m]
            for lane in range(x.shape[2]):
                sr, si = b[0, lane] + c[0, lane], b[1, lane] + c[1, lane]
                dr, di = sine * (c[1, lane] - b[1, lane]), sine * (b[0, lane] - c[0, lane])
                mr, mi = a[0, lane] - half * sr, a[1, lane] - half * si
                a[0, lane], a[1, lane] = a[0, lane] + sr, a[1, lane] + si
                pr, pi, qr, qi = mr + dr, mi + di, mr - dr, mi - di
                b[0, lane], b[1, lane] = pr * w1r - pi * w1i, pr * w1i + pi * w1r
                c[0, lane], c[1, lane] = qr * w2r - qi * w2i, qr * w2i + qi * w2r


@njit(cache=True, fastmath=FUSED)
def pass4(x, w, length, constants):
    """One pass of radix 4."""
    m, sign = length // 4, constants[0]
    for base in range(0, x.shape[0], length):
        for j in range(m):
            w1r, w1i, w2r, w2i = w[3 * j, 0], w[3 * j, 1], w[3 * j + 1, 0], w[3 * j + 1, 1]
            w3r, w3i = w[3 * j + 2, 0], w[3 * j + 2, 1]
            a, b, c, d = x[base + j], x[base + j + m], x[base + j + 2 * m], x[base + j + 3 * m]
            for lane in range(x.shape[2]):
                er, ei = a[0, lane] + c[0, lane], a[1, lane] + c[1, lane]
                fr, fi = a[0, lane] - c[0, lane], a[1, lane] - c[1, lane]
                gr, gi = b[0, lane] + d[0, lane], b[1, lane] + d[1, lane]
                tr, ti = sign * (d[1, lane] - b[1, lane]), sign * (b[0, lane] - d[0, lane])
                a[0, lane], a[1, lane] = er + gr, ei + gi
                pr, pi, qr, qi, rr, ri = fr + tr, fi + ti, er - gr, ei - gi, fr - tr, fi - ti
                b[0, lane], b[1, lane] = pr * w1r - pi * w1i, pr * w1i + pi * w1r
                c[0, lane], c[1, lane] = qr * w2r - qi * w2i, qr * w2i + qi * w2r
                d[0, lane], d[1, lane] = rr * w3r - ri * w3i, rr * w3i + ri * w3r


@njit(cache=True, fastmath=FUSED)
def pass5(x, w, length, constants):
    """One pass of radix 5."""
    m = length // 5
    c1, c2, s1, s2 = constants[3], constants[4], constants[5], constants[6]
    for base in range(0, x.shape[0], length):
        for j in range(m):
            v = w[4 * j : 4 * j + 4]
            a, b, c = x[base + j], x[base + j + m], x[base + j + 2 * m]
            d, e = x[base + j + 3 * m], x[base + j + 4 * m]
            for lane in range(x.shape[2]):
                ar, ai = a[0, lane], a[1, lane]
                sr, si, tr, ti = (
                    b[0, lane] + e[0, lane],
                    b[1, lane] + e[1, lane],
                    c[0, lane] + d[0, lane],
                    c[1, lane] + d[1, lane],
                )
                dr, di, er, ei = (
                    b[0, lane] - e[0, lane],
                    b[1, lane] - e[1, lane],
                    c[0, lane] - d[0, lane],
                    c[1, lane] - d[1, lane],
                )
                p1r, p1i = ar + c1 * sr + c2 * tr, ai + c1 * si + c2 * ti
                p2r, p2i = ar + c2 * sr + c1 * tr, ai + c2 * si + c1 * ti
                q1r, q1i = -(s1 * di + s2 * ei), s1 * dr + s2 * er
                q2r, q2i = -(s2 * di - s1 * ei), s2 * dr - s1 * er
                a[0, lane], a[1, lane] = ar + sr + tr, ai + si + ti
                br, bi, er, ei = p1r + q1r, p1i + q1i, p1r - q1r, p1i - q1i
                cr, ci, dr, di = p2r + q2r, p2i + q2i, p2r - q2r, p2i - q2i
                b[0, lane], b[1, lane] = br * v[0, 0] - bi * v[0, 1], br * v[0, 1] + bi * v[0, 0]
                c[0, lane], c[1, lane] = cr * v[1, 0] - ci * v[1, 1], cr * v[1, 1] + ci * v[1, 0]
                d[0, lane], d[1, lane] = dr * v[2, 0] - di * v[2, 1], dr * v[2, 1] + di * v[2, 0]
                e[0, lane], e[1, lane] = er * v[3, 0] - ei * v[3, 1], er * v[3, 1] + ei * v[3, 0]


@njit(cache=True)
def run(x, plan):
    """Transforms ``x`` [n, 2, lanes] in place; mode k of all signals is ``x[plan.position[k]]`` afterwards."""
    length, start = x.shape[0], 0
    last = np.zeros((4, 2), dtype=x.dtype)  # the last pass has no factors in between
    last[:, 0] = 1
    for p in range(plan.radices.size):
        radix = plan.radices[p]
        w = last if length == radix else plan.twiddles[start:]
        if radix == 2:
            pass2(x, w, length)
        elif radix == 3:
            pass3(x, w, length, plan.constants)
        elif radix == 4:
            pass4(x, w, length, plan.constants)
        else:
            pass5(x, w, length, plan.constants)
        start += length // radix * (radix - 1)
        length //= radix
