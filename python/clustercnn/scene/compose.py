"""Training samples: clusters on backgrounds, with the noise that belongs there."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.render import StarLists, expose
from clustercnn.scene.blemishes import BlemishMaker
from clustercnn.scene.confusers import COLUMNS, StarPool
from clustercnn.scene.counters import check_seed, uniforms
from clustercnn.scene.crops import Backgrounds
from clustercnn.scene.noise_model import NoiseModel
from clustercnn.scene.numbers import SceneNumbers
from clustercnn.scene.visibility import LEAST_SNR, snr, structure_variance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clustercnn.physics import Prior, Survey
    from clustercnn.render import Renderer
    from clustercnn.scene.blemishes import Blemishes
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["SceneBatch", "Scenes"]


@dataclass
class SceneBatch:
    """Samples for training, as arrays that can be filled again.

    Args:
        images: [n, band, y, x] float32, e-/s, noisy.
        present: [n] float32, 1 where there is a cluster, else 0.
        labels: [n, 4] float32 in the order of ``LABEL_NAMES``, with the realised mass; NaN without a cluster.
        log_snr: [n] float32, log10 of the S/N in all bands together; NaN without a cluster.
    """

    images: NDArray[np.float32]
    present: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_snr: NDArray[np.float32]


class Scenes:
    """Draws samples: sample i of a run is a function of (seed, i) alone.

    On noise-free backgrounds everything gets Poisson noise (of the background, the cluster and the sky) and read
    noise, and the mean sky is taken off again, as drizzled images come. On observed mosaics, which carry their noise
    already, only the cluster's own photons are noisy. Pixels beyond an edge of the data hold the background's median,
    about what inference fills in there.

    Args:
        survey: bands, exposures, noise.
        prior: the clusters.
        renderer: draws them; its stamp size is the size of the samples.
        mosaics: backgrounds, all observed or all noise-free, each equally probable.
        present_fraction: share of the samples with a cluster.
        confuser_fraction: share of the samples without a cluster that get a confuser in the middle.
        edge_fraction, cosmic_ray_fraction: shares of all samples, see ``BlemishMaker``.

    Raises:
        InvalidInput: fractions out of range, or mosaics of other bands than the survey.
    """

    def __init__(
        self,
        survey: Survey,
        prior: Prior,
        renderer: Renderer,
        *,
        mosaics: Sequence[Mosaic],
        present_fraction: float = 0.5,
        confuser_fraction: float = 0.3,
        edge_fraction: float = 0.0,
        cosmic_ray_fraction: float = 0.0,
    ) -> None:
        blemishes = {"edge_fraction": edge_fraction, "cosmic_ray_fraction": cosmic_ray_fraction}
        shares = {"present_fraction": present_fraction, "confuser_fraction": confuser_fraction, **blemishes}
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise InvalidInput(f"{name}: {value}; 0 to 1 is allowed")
        self.survey, self.prior, self.renderer = survey, prior, renderer
        self.backgrounds = Backgrounds(mosaics, size=renderer.size)
        if self.backgrounds.bands != tuple(survey.band_names):
            raise InvalidInput(
                f"mosaics: bands {self.backgrounds.bands}; those of the survey, {survey.band_names}, are needed"
            )
        self.bands, self.size = tuple(survey.band_names), renderer.size
        self.present_fraction, self.confuser_fraction = present_fraction, confuser_fraction
        self.noise = NoiseModel.of(mosaics[0], survey)
        self._blemishes = BlemishMaker(self.size, self.noise.exposures, **blemishes)
        self._pool = StarPool(survey) if confuser_fraction > 0 and present_fraction < 1 else None
        self._scratch = threading.local()

    @staticmethod
    def allocate(n: int, bands: int, size: int) -> SceneBatch:
        """A batch of ``n`` samples to be filled."""
        return SceneBatch(
            images=np.zeros((n, bands, size, size), np.float32),
            present=np.zeros(n, np.float32),
            labels=np.zeros((n, 4), np.float32),
            log_snr=np.zeros(n, np.float32),
        )

    def batch(self, first: int, n: int, *, seed: int, out: SceneBatch | None = None) -> SceneBatch:
        """Samples first .. first + n - 1.

        Args:
            first: number of the first sample.
            n: how many.
            seed: of the run.
            out: filled in place when given.

        Raises:
            InvalidInput: a negative number, or ``out`` of another shape.
        """
        numbers = self.numbers(first, n, seed=seed)
        out = self.allocate(n, len(self.bands), self.size) if out is None else self.checked(n, out)
        self.backgrounds.cut(numbers.crops, out.images)
        out.present[:] = numbers.present
        out.labels[:] = numbers.labels
        out.log_snr.fill(np.nan)
        signal = self._buffer("signal", n)
        signal.fill(0.0)
        chosen = numbers.with_cluster
        indices = first + chosen
        mass = self.renderer.fill(signal, numbers.params, numbers.confusers, numbers.rows, seed=seed, indices=indices)
        signal[chosen] *= numbers.gains[:, :, None, None]
        edge = _Edge(numbers.blemishes, out.images)
        edge.cut(signal)
        if chosen.size:
            variance = self._variance(out.images[chosen], signal[chosen])
            with np.errstate(divide="ignore"):  # a cluster may have no stars, or no light: its S/N is 0
                out.labels[chosen, 1] = np.log10(mass)
                out.log_snr[chosen] = np.log10(np.maximum(snr(signal[chosen], variance)[1], LEAST_SNR))
        np.maximum(signal, 0.0, out=signal)  # the renderer's rounding leaves about -1e-6 of a peak; no rate is negative
        self._expose(signal, first=first, seed=seed, out=out.images)
        numbers.blemishes.hit(out.images)
        edge.fill(out.images)
        return out

    def numbers(self, first: int, n: int, *, seed: int) -> SceneNumbers:
        """What samples first .. first + n - 1 consist of.

        Raises:
            InvalidInput: a number or a seed out of range.
        """
        check_seed(seed)
        if first < 0 or n < 1:
            raise InvalidInput(f"first, n: {first}, {n}; first >= 0 and n >= 1 are allowed")
        u = uniforms(seed, "sample", first=first, n=n, k=5)
        present = u[:, 0] < self.present_fraction
        chosen = np.flatnonzero(present)
        params = self.prior.sample_at(first + chosen, seed=seed, size=self.size) if chosen.size else None
        confused, stars = np.flatnonzero(~present & (u[:, 1] < self.confuser_fraction)), StarLists.none(len(self.bands))
        if confused.size:
            rows = uniforms(seed, "confuser", first=first, n=n, k=COLUMNS)[confused]
            psf = self.renderer.psf_numbers(first + confused, seed=seed)
            stars = self._pool.draw(rows, size=self.size, psf=psf)
        gains = self.prior.gains_at(first + chosen, seed=seed, bands=len(self.bands))
        crops, blemishes = self.backgrounds.places(u[:, 2:5]), self._blemishes.draw(first, n, seed=seed)
        return SceneNumbers(seed, first, crops, chosen, params, gains, confused, stars, blemishes)

    def _variance(self, background: NDArray[np.float32], signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixel variance of rates, in the memory of ``background``: photons, read noise, the background's structure.

        The structure is the variance of the background in the stamp, one number per band; in an observed
        mosaic it contains the noise of the mean level, so there only photons above the median are added pixel by pixel.
        """
        median, structure = structure_variance(background)
        fixed = self.noise.fixed
        if self.backgrounds.noisy:
            background -= median[:, :, None, None]
            np.maximum(background, 0.0, out=background)
            structure = np.maximum(structure, fixed)  # a background of constants has no noise to measure
        else:
            structure = structure + fixed
        background += signal
        np.maximum(background, 0.0, out=background)
        background /= self.noise.exposures[:, None, None]
        background += structure[:, :, None, None]
        return background

    def _expose(self, signal: NDArray[np.float32], *, first: int, seed: int, out: NDArray[np.float32]) -> None:
        """Turn background (in ``out``) and signal into the noisy image, in place."""
        model = self.noise
        if self.backgrounds.noisy:
            noisy = self._buffer("noisy", len(out))
            expose(signal, model.exposures, np.zeros(len(self.bands)), seed=seed, first=first, out=noisy)
            out += noisy
            return
        signal += out
        signal += model.sky[:, None, None]
        expose(signal, model.exposures, model.read_noise, seed=seed, first=first, out=out)
        out -= model.sky[:, None, None]

    def _buffer(self, name: str, n: int) -> NDArray[np.float32]:
        """Memory of this thread, kept from call to call."""
        held = getattr(self._scratch, name, None)
        if held is None or len(held) < n:
            held = np.empty((n, len(self.bands), self.size, self.size), np.float32)
            setattr(self._scratch, name, held)
        return held[:n]

    def checked(self, n: int, out: SceneBatch) -> SceneBatch:
        """``out`` if its images are those of a batch of ``n``; raises ``InvalidInput`` otherwise."""
        shape = (n, len(self.bands), self.size, self.size)
        if out.images.shape != shape or out.images.dtype != np.float32:
            raise InvalidInput(f"out.images: {out.images.dtype} {out.images.shape}; float32 {shape} is needed")
        return out


class _Edge:
    """Samples that reach over the edge of the data.

    Args:
        blemishes: of the samples.
        backgrounds: [n, band, y, x] e-/s, before anything is drawn on them.
    """

    def __init__(self, blemishes: Blemishes, backgrounds: NDArray[np.float32]) -> None:
        self._rows = np.flatnonzero(np.isfinite(blemishes.edges[:, 2]))
        self._beyond = blemishes.without_data(self._rows, backgrounds.shape[-1])[:, None]
        self._median = structure_variance(backgrounds[self._rows])[0][:, :, None, None] if self._rows.size else 0.0

    def cut(self, light: NDArray[np.float32]) -> None:
        """No light beyond it, in place."""
        light[self._rows] *= ~self._beyond

    def fill(self, images: NDArray[np.float32]) -> None:
        """The median beyond it, in place."""
        images[self._rows] = np.where(self._beyond, self._median, images[self._rows])
