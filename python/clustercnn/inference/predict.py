"""The trained network at work: images in, probabilities, S/N and joint posteriors out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from clustercnn.errors import InvalidInput
from clustercnn.inference.artefact import LoadedArtefact, load_artefact
from clustercnn.inference.posterior import Posterior, summarise
from clustercnn.inference.results import posterior_flags
from clustercnn.inference.reweight import NewPrior, resample
from clustercnn.inference.stamps import FILLED, NO_VALUES, cut_stamps
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from clustercnn.inference.predictive import PredictiveCheck
    from clustercnn.scene import Mosaic

__all__ = ["Predictor"]


class Predictor:
    """A loaded artefact with batching, summaries and checks around it.

    Answers are a function of (images, seed): the same call gives the same numbers.

    Args:
        artefact: the loaded file.
        batch: images per pass through the network.
        draws: posterior draws behind the median, the quantiles and the covariance. Their Monte-Carlo error is about
            1.3 / sqrt(draws) of the posterior's width for the median.
        prior: replaces training's prior: of presence, and of labels in all that rests on draws; None keeps it.

    Raises:
        InvalidInput: ``batch`` or ``draws`` out of range, or a prior for presence though the file does not say how
            frequent clusters were in training.
    """

    def __init__(
        self, artefact: LoadedArtefact, *, batch: int = 64, draws: int = 1000, prior: NewPrior | None = None
    ) -> None:
        if batch < 1:
            raise InvalidInput(f"batch: {batch}; 1 or more are allowed")
        if draws < 2:
            raise InvalidInput(f"draws: {draws}; 2 or more are allowed")
        self.artefact = artefact
        self.batch = batch
        self.draws = draws
        self.prior = prior
        self._shift = _shift(prior, artefact)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "auto",
        batch: int = 64,
        draws: int = 1000,
        prior: NewPrior | None = None,
    ) -> Predictor:
        """The predictor of a ``model.ts`` file.

        Args:
            path: the artefact that ``train`` leaves in its run folder, or the name of one that comes with the package:
                "pretrained-m83".
            device: "auto" (CUDA when there is one), "cpu", "cuda" or "cuda:1".
            batch: images per pass through the network.
            draws: posterior draws behind each summary.
            prior: see the class.

        Raises:
            DataFileError: the file is missing, or is not an artefact that this version reads.
            InvalidInput: see the class.
            MissingBackend: a device that is not there.
        """
        return cls(load_artefact(path, device=device), batch=batch, draws=draws, prior=prior)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands the network reads, in order."""
        return self.artefact.bands

    @property
    def size(self) -> int:
        """Pixels on a side of a stamp."""
        return self.artefact.size

    @property
    def pixel_scale(self) -> float:
        """Arcsec per pixel that the network was trained for."""
        return self.artefact.pixel_scale

    @property
    def label_bounds(self) -> NDArray[np.float64]:
        """Ends of the posterior's range [4, 2]."""
        return self.artefact.label_bounds

    def predict(
        self,
        images: ArrayLike,
        *,
        samples: int = 0,
        seed: int = 0,
        first: int = 0,
        truth: ArrayLike | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Posterior:
        """Presence, S/N and joint posterior of each image.

        Args:
            images: [n, band, size, size] in e-/s, finite.
            samples: how many of the posterior draws to keep, at most ``draws``.
            seed: of the posterior draws; those of image i are a function of (seed, first + i) alone.
            first: index of the first image.
            truth: true labels [n, 4]; fills ``log_prob`` (under training's prior) and ``rank`` of the result; rows of
                NaN have none.
            progress: called with the number of images of each finished batch.

        Raises:
            InvalidInput: wrong shape, pixels that are not finite, or more samples than draws.
        """
        images = self._images(images)
        if not 0 <= samples <= self.draws:
            raise InvalidInput(f"samples: {samples}; 0 to draws={self.draws} are allowed")
        labels = None if truth is None else self._labels(truth, len(images))
        parts = []
        for start in range(0, max(len(images), 1), self.batch):
            rows = slice(start, start + self.batch)
            parts.append(
                self._one_batch(
                    images[rows],
                    samples=samples,
                    seed=seed,
                    first=first + start,
                    truth=None if labels is None else labels[rows],
                )
            )
            if progress is not None:
                progress(len(parts[-1]))
        return Posterior.concatenate(parts)

    @torch.inference_mode()
    def presence(self, images: ArrayLike) -> NDArray[np.float32]:
        """Probability of a cluster [n] alone, without the posterior: what a search needs.

        Raises:
            InvalidInput: wrong shape, or pixels that are not finite.
        """
        images = self._images(images)
        parts = [self.artefact.encode(images[k : k + self.batch])[0] for k in range(0, len(images), self.batch)]
        return self._probability(torch.cat(parts)) if parts else np.zeros(0, np.float32)

    @torch.inference_mode()
    def log_prob(self, images: ArrayLike, labels: ArrayLike) -> NDArray[np.float32]:
        """Log density of the posterior at ``labels`` [n, 4], nats per unit volume of the labels [n].

        Raises:
            InvalidInput: wrong shapes, or pixels that are not finite.
        """
        images = self._images(images)
        truth = self._labels(labels, len(images))
        parts = []
        for k in range(0, len(images), self.batch):
            rows = slice(k, k + self.batch)
            context = self.artefact.encode(images[rows])[2]
            parts.append(self.artefact.log_prob(context, truth[rows]).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def predict_mosaic(
        self,
        mosaic: Mosaic,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        *,
        samples: int = 0,
        seed: int = 0,
        check: PredictiveCheck | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Posterior, NDArray[np.int32]]:
        """Answers and flags (see ``FLAGS``) for positions on a mosaic; rows without values hold NaN.

        Args:
            mosaic: images in e-/s, bands in the network's order; NaN and invalid pixels are allowed.
            x: column positions [n], first pixel centre at 0; NaN is allowed.
            y: row positions [n].
            samples: how many posterior draws to keep.
            seed: of the posterior draws.
            check: draws clusters again from the posteriors and fills ``ppp``; its ``redraws`` are at most ``draws``.
            progress: called with the number of positions of each finished batch.

        Raises:
            InvalidInput: see ``predict``.
        """
        kept = samples if check is None else max(samples, check.redraws)
        parts, flags = [], []
        for first in range(0, max(len(x), 1), self.batch):
            rows = slice(first, first + self.batch)
            stamps, flag = cut_stamps(mosaic.data, mosaic.valid, x[rows], y[rows], size=self.size)
            answer = self.predict(stamps, samples=kept, seed=seed, first=first)
            if check is not None:
                drawn, whole = answer.samples[:, : check.redraws], (flag & FILLED) == 0
                ppp = check.p_values(stamps, x[rows], y[rows], drawn, where=whole, first=first)
                answer = replace(answer, ppp=ppp, samples=answer.samples[:, :samples].copy() if samples else None)
            flag |= posterior_flags(answer, self.artefact.prior_bounds)
            empty = (flag & NO_VALUES) != 0
            flag[empty] &= NO_VALUES | 4  # EDGE says why a stamp is unusable; the network's own flags mean nothing
            parts.append(_blank(answer, empty))
            flags.append(flag)
            if progress is not None:
                progress(len(flag))
        return Posterior.concatenate(parts), np.concatenate(flags)

    @torch.inference_mode()
    def _one_batch(
        self, images: torch.Tensor, *, samples: int, seed: int, first: int, truth: torch.Tensor | None
    ) -> Posterior:
        presence_logit, log_snr, context = self.artefact.encode(images)
        draws = self.artefact.sample(context, self.draws, seed, first).cpu().numpy()
        log_prob = rank = ess = None
        if self.prior is not None and self.prior.of_labels:
            draws, ess = resample(draws, self.prior.log_weights(draws), seed=seed, first=first)
        if truth is not None:
            known = torch.isfinite(truth).all(dim=1)
            safe = torch.where(known[:, None], truth, torch.as_tensor(self.label_bounds.mean(axis=1)).to(truth))
            inside = self.artefact.log_prob(context, safe).cpu()
            log_prob = torch.where(known, inside, torch.nan).numpy()
            below = (draws < truth.numpy()[:, None]).sum(axis=1)
            rank = np.where(known.numpy()[:, None], (below + 0.5) / (self.draws + 1), np.nan).astype(np.float32)
        return Posterior(
            presence=self._probability(presence_logit),
            log_snr=log_snr.cpu().numpy(),
            **summarise(draws),
            samples=draws[:, :samples].copy() if samples else None,
            log_prob=log_prob,
            rank=rank,
            ess=ess,
        )

    def _probability(self, logits: torch.Tensor) -> NDArray[np.float32]:
        return torch.sigmoid(logits + self._shift).cpu().numpy()

    def _images(self, images: ArrayLike) -> torch.Tensor:
        tensor = (
            images if isinstance(images, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(images, np.float32))
        )
        tensor = tensor.to(torch.float32)
        wanted = (len(self.bands), self.size, self.size)
        if tensor.ndim != 4 or tuple(tensor.shape[1:]) != wanted:
            raise InvalidInput(
                f"images: shape {tuple(tensor.shape)}; [n, {wanted[0]}, {wanted[1]}, {wanted[2]}] is allowed "
                f"(bands {', '.join(self.bands)})"
            )
        if not torch.isfinite(tensor).all():
            raise InvalidInput("images: some pixels are not finite; fill them first, as predict_mosaic does")
        return tensor

    def _labels(self, labels: ArrayLike, n: int) -> torch.Tensor:
        array = np.ascontiguousarray(labels, dtype=np.float32)
        if array.shape != (n, len(LABEL_NAMES)):
            raise InvalidInput(f"labels: shape {array.shape}; [{n}, {len(LABEL_NAMES)}] is allowed")
        return torch.from_numpy(array)


def _shift(prior: NewPrior | None, artefact: LoadedArtefact) -> float:
    """What the prior adds to the logit of presence."""
    if prior is None or prior.presence is None:
        return 0.0
    trained = artefact.present_fraction
    if trained is None or not 0 < trained < 1:
        raise InvalidInput(
            f"prior.presence: {prior.presence}; {artefact.path} does not say how frequent clusters were in training "
            f"(present_fraction {trained}), so only null is allowed"
        )
    return prior.log_odds(trained)


def _blank(answer: Posterior, empty: NDArray[np.bool_]) -> Posterior:
    """The same answers with NaN in the rows of ``empty``."""
    for name in ("presence", "log_snr", "median", "q16", "q84", "mean", "covariance", "samples", "ess", "ppp"):
        values = getattr(answer, name)
        if values is not None:
            values[empty] = np.nan
    return answer
