"""Whether a candidate looks like what its posterior says: clusters drawn again from it, as images beside its own.

A posterior predictive check (Rubin 1984, Ann. Statist. 12, 1151; Gelman, Meng & Stern 1996, Statistica Sinica 6, 733).
The network answers for anything that it is shown; an image whose answer, drawn, does not look like it is of something
that the network was not trained for: a star, a blend, another PSF, a cluster unlike all mocks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from clustercnn.errors import InvalidInput
from clustercnn.labels import LABEL_NAMES
from clustercnn.model import ModelSettings, noise_scale
from clustercnn.model.photometry import Photometry
from clustercnn.physics import Prior, Survey
from clustercnn.render import Renderer, RenderSettings, expose
from clustercnn.scene.counters import uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.inference.artefact import LoadedArtefact
    from clustercnn.scene import Mosaic

__all__ = ["PredictiveCheck", "predictive_check", "typicality"]

_NEAR, _FAR = 0.5, 4.0  # stamp sides: how far from the candidate the surroundings lie that redrawn clusters are put on
_TRIES = 8  # places looked at for each that is needed
_SHRINKAGE = 0.3
_FLAT = 1e-6  # of the numbers' own scale, and of the largest slope: below is rounding


class PredictiveCheck:
    """Draws clusters again from posterior draws and compares them with the candidates.

    Each redrawn cluster has the labels of one draw, and all that the network marginalises over (slope, centre,
    metallicity, PSF, the stars themselves) anew from training's prior; its photons are noisy, and it lies on a piece of
    the same mosaic within four stamp sides of the candidate, with the noise, sky and neighbours that are there. Errors
    of zero points and distance are not drawn: the widths of the posterior hold them already.

    Images are compared by fluxes and structure in the network's six apertures about their own centres, in each band.

    Args:
        artefact: the network, with the survey and the prior that it was trained for.
        mosaic: the images that the candidates are on.
        redraws: how many for each candidate.
        seed: those of candidate i are a function of (seed, i) alone.

    Raises:
        InvalidInput: a network whose file does not hold its prior.
    """

    def __init__(self, artefact: LoadedArtefact, mosaic: Mosaic, *, redraws: int, seed: int) -> None:
        if "prior" not in artefact.metadata:
            raise InvalidInput(f"redraws: {redraws}; {artefact.path} does not say its prior, so only 0 is allowed")
        survey = Survey.from_dict(artefact.metadata["survey"])
        self.prior = Prior.from_dict(artefact.metadata["prior"])
        self.mosaic, self.redraws, self.seed, self.size = mosaic, redraws, seed, artefact.size
        # by default as scenes are: stars too faint to tell apart shine as a whole
        self.renderer = Renderer(survey, size=self.size, settings=RenderSettings(faint_fraction=0.1))
        self._noise = torch.as_tensor(noise_scale(survey), dtype=torch.float32).view(1, -1, 1, 1)
        self._photometry = Photometry(len(survey.bands), self.size, ModelSettings())

    def p_values(
        self,
        stamps: NDArray[np.float32],
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        draws: NDArray[np.float32],
        *,
        where: NDArray[np.bool_],
        first: int = 0,
    ) -> NDArray[np.float32]:
        """Posterior predictive p-values [n]: the share of images that are no more typical than the candidate's own.

        Small values say that the answer does not describe the image, nor does any near it. The candidate is itself
        among the images that are counted, so the least value is 1 / (redraws + 1).

        Args:
            stamps: [n, band, y, x] e-/s.
            x, y: [n] their positions in the mosaic, pixels.
            draws: [n, redraws, label] from their posteriors.
            where: [n] which of them to look at; the others get NaN, as do those with nothing valid around.
            first: number of the first.
        """
        out = np.full(len(stamps), np.nan, np.float32)
        for i in np.flatnonzero(where).tolist():
            images = self.redraw(x[i], y[i], draws[i], number=first + i)
            if images is not None:
                numbers = self._numbers(np.concatenate([stamps[i : i + 1], images]))
                out[i] = typicality(numbers, draws[i].astype(np.float64))
        return out

    def redraw(self, x: float, y: float, draws: NDArray[np.float32], *, number: int) -> NDArray[np.float32] | None:
        """Images [k, band, y, x] e-/s of clusters with the labels ``draws`` [k, label] near (x, y), or None."""
        count = len(draws)
        images = self._surroundings(x, y, count, number=number)
        if images is None:
            return None
        indices = np.arange(number * count, (number + 1) * count)
        low, high = self.prior.label_bounds.T  # which single precision may exceed by a rounding
        labels = dict(zip(LABEL_NAMES, np.clip(draws, low, high).T, strict=True))
        params = replace(self.prior.sample_at(indices, seed=self.seed, size=self.size), **labels)
        light = self.renderer.render(params, seed=self.seed, indices=indices)
        np.maximum(light, 0.0, out=light)
        photons = expose(light, self.mosaic.exposures, np.zeros(len(light[0])), seed=self.seed, first=int(indices[0]))
        return images + photons

    def _surroundings(self, x: float, y: float, count: int, *, number: int) -> NDArray[np.float32] | None:
        """Valid pieces of the mosaic near (x, y), [count, band, y, x]; some of them twice if there are few."""
        tries = _TRIES * count
        u = uniforms(self.seed, "surroundings", first=number * tries, n=tries, k=2)
        radius, angle = self.size * (_NEAR + (_FAR - _NEAR) * u[:, 0]), 2 * np.pi * u[:, 1]
        middle = np.stack([y + radius * np.sin(angle), x + radius * np.cos(angle)], axis=1)
        corners = np.floor(middle - (self.size - 1) / 2 + 0.5).astype(int)
        room = np.array(self.mosaic.valid.shape) - self.size
        inside = corners[((corners >= 0) & (corners <= room)).all(axis=1)]
        windows = [(slice(a, a + self.size), slice(b, b + self.size)) for a, b in inside.tolist()]
        good = [w for w in windows if self.mosaic.valid[w].all()]
        if not good:
            return None
        return np.stack([self.mosaic.data[:, *good[k % len(good)]] for k in range(count)])

    @torch.inference_mode()
    def _numbers(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """What images are compared by, [n, 2 * band * aperture]."""
        relative = torch.from_numpy(images) / self._noise
        above = relative - torch.matmul(relative.flatten(2), self._photometry.ring)[:, :, None, None]
        return self._photometry.about(above, self._photometry.centre(above)).flatten(1).double().numpy()


def typicality(numbers: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    """The share of images that no labels near those drawn explain better than the first image.

    The discrepancy of an image is the least that it can be for any labels (Gelman, Meng & Stern 1996): the squared
    distance, in units of the scatter at given labels, from mean + slopes times labels, minimised over the labels.
    Slopes and scatter are a linear regression's over all images. Without that minimum the width of the posterior would
    hide what is odd.

    Args:
        numbers: [1 + k, m] of the first image and k redrawn ones. All go into the regression alike; where labels have
            no slopes and the first is like the others, the share is uniform on 1/(k + 1), ... 1, however distributed.
        labels: [k, label] of the redrawn; their mean stands for the first's.
    """
    known = _standard(np.vstack([labels.mean(axis=0), labels]))
    numbers = _standard(numbers)
    slopes = np.linalg.lstsq(known, numbers, rcond=_FLAT)[0]  # [label, m]
    off = numbers - known @ slopes
    scatter = off.T @ off / len(off)
    # shrunk towards no correlations, of which 36 numbers have 630; a number that never changes must not divide by zero
    scatter = (1 - _SHRINKAGE) * scatter + np.diag(_SHRINKAGE * scatter.diagonal() + _FLAT)
    root = np.linalg.cholesky(scatter)
    white, directions = np.linalg.solve(root, numbers.T), np.linalg.solve(root, slopes.T)
    rest = white - directions @ np.linalg.lstsq(directions, white, rcond=_FLAT)[0]
    distance = (rest**2).sum(axis=0)
    return float(np.mean(distance >= distance[0]))


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns [n, k] with mean 0 and deviation 1, or 0 where nothing changes."""
    off = values - values.mean(axis=0)
    deviation = off.std(axis=0)
    return np.where(deviation > _FLAT, off / np.maximum(deviation, _FLAT), 0.0)


def predictive_check(artefact: LoadedArtefact, mosaic: Mosaic, *, redraws: int, seed: int) -> PredictiveCheck | None:
    """The check that ``redraws`` asks for; none if it is 0. Raises as ``PredictiveCheck``."""
    return PredictiveCheck(artefact, mosaic, redraws=redraws, seed=seed) if redraws else None
