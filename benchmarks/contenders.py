"""Ways to draw a star list through oversampled kernels: this package, and what one would use without it.

``make(task)`` of a contender does what is done once (plans, transforms of kernels) and returns the function that is
timed: from a star list to images [band, y, x]. All of them convolve linearly (no light wraps round into the frame)
and use that all stars lie inside the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, signal

import clustercnn as cc

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench_helpers import Stars
    from numpy.typing import NDArray

    Draw = Callable[[Stars], NDArray]


@dataclass(frozen=True, eq=False)
class Task:
    """What is drawn: the survey's bands on a frame of ``size`` pixels."""

    survey: cc.Survey
    size: int = 64

    @property
    def psfs(self) -> list[cc.Psf]:
        """One kernel a band."""
        return [self.survey.psf(name) for name in self.survey.band_names]


@dataclass(frozen=True)
class Contender:
    """One way to draw.

    Args:
        name: in the table.
        make: from the task to the function that draws.
        needs: the module it cannot do without.
        largest: star lists longer than this would take too long.
        images: how many images one call draws.
        ours: it belongs to this package: if it fails, the bench fails.
    """

    name: str
    make: Callable[[Task], Draw]
    needs: str = "numpy"
    largest: int = 100_000
    images: int = 1
    ours: bool = False

    @property
    def installed(self) -> bool:
        """Whether its module is there."""
        return find_spec(self.needs) is not None


def clustercnn(task: Task, *, backend: str, tolerance: float) -> Draw:
    """This package; the output is reused from call to call."""
    settings = cc.RenderSettings(tolerance=tolerance, threads=1)
    renderer = cc.Renderer(task.survey, task.size, backend, settings=settings)
    out = np.empty((len(task.psfs), task.size, task.size), np.float32)
    return lambda stars: renderer.draw(stars.x, stars.y, stars.flux, out=out)


class FineGrid:
    """A grid with ``oversample`` nodes a pixel, wide enough for a linear convolution, and its kernels' transforms.

    Node g lies at pixel ``(g - origin) / oversample``: nodes fall on pixel centres, so that no light is misplaced.
    """

    def __init__(self, task: Task) -> None:
        psf = task.psfs[0]
        self.oversample, self.size = psf.oversample, task.size
        self.origin = self.oversample // 2
        self.used = self.oversample * task.size + 2  # + 2: the node after the last, for bilinear weights
        self.cells = fft.next_fast_len(self.used + (psf.image.shape[0] - 1) // 2, real=True)
        self.kernels = [psf.image for psf in task.psfs]
        self.transfer = np.stack([np.fft.rfft2(centred(kernel, self.cells)) for kernel in self.kernels])

    def nearest(self, at: NDArray) -> NDArray:
        """The node nearest to each position."""
        return np.rint(self.oversample * at).astype(np.int64) + self.origin

    def pixels(self, image: NDArray) -> NDArray:
        """The nodes at pixel centres."""
        inside = slice(self.origin, self.origin + self.oversample * self.size, self.oversample)
        return image[..., inside, inside]


def centred(kernel: NDArray, cells: int) -> NDArray:
    """The kernel on a periodic grid, its centre at [0, 0]."""
    padded = np.zeros((cells, cells))
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.roll(padded, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), axis=(0, 1))


def numpy_fftconvolve(task: Task) -> Draw:
    """np.histogram2d at the nearest node, then scipy.signal.fftconvolve."""
    grid = FineGrid(task)
    edges = (np.arange(grid.used + 1) - grid.origin - 0.5) / grid.oversample

    def band(stars: Stars, b: int) -> NDArray:
        light, _, _ = np.histogram2d(stars.y, stars.x, bins=(edges, edges), weights=stars.flux[:, b])
        return grid.pixels(signal.fftconvolve(light, grid.kernels[b], mode="same"))

    return lambda stars: np.stack([band(stars, b) for b in range(len(grid.kernels))])


def numpy_nearest(task: Task) -> Draw:
    """np.bincount at the nearest node, and the kernels' transforms kept."""
    grid = FineGrid(task)

    def draw(stars: Stars) -> NDArray:
        node = grid.nearest(stars.y) * grid.cells + grid.nearest(stars.x)
        return _bincount_convolve(grid, node, stars.flux)

    return draw


def numpy_bilinear(task: Task) -> Draw:
    """np.bincount over the four nearest nodes, and the kernels' transforms kept."""
    grid = FineGrid(task)

    def draw(stars: Stars) -> NDArray:
        fx, fy = (grid.oversample * at + grid.origin for at in (stars.x, stars.y))
        x, y = (np.floor(f).astype(np.int64) for f in (fx, fy))
        fx, fy = fx - x, fy - y
        node = y * grid.cells + x
        weight = np.concatenate([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
        nodes = np.concatenate([node, node + 1, node + grid.cells, node + grid.cells + 1])
        return _bincount_convolve(grid, nodes, np.tile(stars.flux, (4, 1)) * weight[:, None])

    return draw


def _bincount_convolve(grid: FineGrid, node: NDArray, weight: NDArray) -> NDArray:
    shape = (grid.cells, grid.cells)
    light = np.stack([np.bincount(node, w, grid.cells**2).reshape(shape) for w in weight.T])
    return grid.pixels(np.fft.irfft2(np.fft.rfft2(light) * grid.transfer, shape))


def torch_index_add(task: Task, *, images: int, device: str = "cpu") -> Draw:
    """torch.index_add_ at the nearest node and torch.fft, for one image or a batch; single precision.

    On another device the first image is copied to the host, as the other contenders leave it there.
    """
    import torch

    torch.set_num_threads(1)
    grid = FineGrid(task)
    bands, cells = len(grid.kernels), grid.cells
    transfer = torch.from_numpy(grid.transfer.astype(np.complex64)).to(device)

    def draw(stars: Stars) -> NDArray:
        given = (torch.from_numpy(values).to(device) for values in (stars.x, stars.y, stars.flux))
        x, y, flux = (values.repeat(images, *(1,) * (values.ndim - 1)) for values in given)
        x, y = ((at * grid.oversample).round().long() for at in (x, y))
        first = torch.arange(images, device=device).repeat_interleave(stars.x.size) * cells**2
        node = (y + grid.origin) * cells + (x + grid.origin) + first
        light = torch.zeros(bands, images * cells**2, device=device).index_add_(1, node, flux.T)
        spectra = torch.fft.rfft2(light.view(bands, images, cells, cells)) * transfer[:, None]
        image = torch.fft.irfft2(spectra, (cells, cells))
        return grid.pixels(image.transpose(0, 1)).contiguous()[0].cpu().numpy()

    return draw
