"""What training leaves behind: one self-contained module, counts in, posterior out."""

from __future__ import annotations

import copy
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from clustercnn.model.net import ClusterNet

__all__ = ["Artefact", "save_artefact"]

_METADATA = "metadata.json"


class Artefact(nn.Module):
    """The network as users of ``model.ts`` see it. ``torch.jit.load(path)`` needs no clustercnn.

    ``sample`` and ``log_prob`` take the features that ``encode`` gave, so that any number of questions about an image
    cost one pass of the trunk; ``sample_images`` and ``log_prob_images`` do both steps at once.

    Args:
        net: the trained network; it is used as it is, in evaluation mode.
        metadata: what JSON can hold; the module carries it as the text attribute ``metadata``.
    """

    def __init__(self, net: ClusterNet, metadata: dict[str, Any]) -> None:
        super().__init__()
        self.net = net.eval()
        self.bands = net.bands
        self.size = net.size
        self.metadata: str = json.dumps(metadata)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reads images.

        Args:
            images: [n, band, y, x] e-/s.

        Returns:
            probability that a cluster is there [n]; log10 S/N [n]; the 16, 50 and 84 % points of each label
            [n, 3, 4] in its unit, from 256 fixed draws.
        """
        logit, log_snr, context = self.encode(images)
        ranked = torch.sort(self.net.draw(context, 256, 0, 0), dim=1).values
        points = torch.stack([ranked[:, 40], 0.5 * (ranked[:, 127] + ranked[:, 128]), ranked[:, 215]], dim=1)
        return torch.sigmoid(logit), log_snr, points

    @torch.jit.export
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logit of the presence [n], log10 S/N [n] and features [n, context] of images [n, band, y, x] e-/s."""
        if (
            images.dim() != 4
            or images.shape[1] != self.bands
            or images.shape[2] != self.size
            or images.shape[3] != self.size
        ):
            raise ValueError(f"images: shape {images.shape}; [n, {self.bands}, {self.size}, {self.size}] is allowed")
        return self.net(images.to(torch.float32))

    @torch.jit.export
    def sample(self, context: Tensor, k: int, seed: int, first: int = 0) -> Tensor:
        """``k`` draws of the four labels for each row of features [n, context]: [n, k, 4], in the labels' units.

        The draws of row i are a function of (seed, first + i) alone.
        """
        return self.net.sample(context, k, seed, first)

    @torch.jit.export
    def log_prob(self, context: Tensor, labels: Tensor) -> Tensor:
        """Log of the joint posterior density at labels [n, 4], nats per unit volume of the labels, [n]."""
        return self.net.log_prob(context, labels)

    @torch.jit.export
    def sample_images(self, images: Tensor, k: int, seed: int, first: int = 0) -> Tensor:
        """As ``sample``, from images [n, band, y, x] e-/s."""
        return self.net.sample(self.encode(images)[2], k, seed, first)

    @torch.jit.export
    def log_prob_images(self, images: Tensor, labels: Tensor) -> Tensor:
        """As ``log_prob``, from images [n, band, y, x] e-/s."""
        return self.net.log_prob(self.encode(images)[2], labels)


def save_artefact(net: ClusterNet, metadata: dict[str, Any], path: str | Path, *, exported: bool = True) -> None:
    """Writes ``path`` (TorchScript) and, beside it, the same network by ``torch.export`` as ``.pt2``.

    Both hold ``metadata`` as the extra file ``metadata.json``. The ``.pt2`` has ``forward`` alone.

    Args:
        net: the trained network, on any device; a copy is written, on the CPU.
        metadata: what JSON can hold.
        path: the file to write, usually ``model.ts``.
        exported: write the ``.pt2`` too; it takes some seconds.
    """
    path = Path(path)
    exported_path = path.with_suffix(".pt2")
    # users call it without no_grad, and weights that ask for gradients would keep every draw's history
    artefact = Artefact(copy.deepcopy(net).cpu(), metadata).eval().requires_grad_(requires_grad=False)
    extra = {_METADATA: artefact.metadata}
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    part2 = part.with_suffix(".pt2")
    with warnings.catch_warnings():
        # TorchScript and parts of torch.export announce their future; the user can do nothing about it here
        warnings.simplefilter("ignore")
        try:
            torch.jit.save(torch.jit.script(artefact), str(part), _extra_files=extra)
            exported_path.unlink(missing_ok=True)  # it would be of another network
            part.replace(path)  # at once: a run that is killed during the slow export leaves a network
            if exported:
                _export(artefact, part2, extra)
                part2.replace(exported_path)
        finally:
            part.unlink(missing_ok=True)
            part2.unlink(missing_ok=True)


def _export(artefact: Artefact, path: Path, extra: dict[str, str]) -> None:
    example = torch.zeros(2, artefact.bands, artefact.size, artefact.size)
    with torch.no_grad():
        program = torch.export.export(
            artefact, (example,), dynamic_shapes={"images": {0: torch.export.Dim("n", min=1)}}
        )
    torch.export.save(program, path, extra_files=extra)
