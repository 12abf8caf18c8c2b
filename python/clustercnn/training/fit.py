"""A whole training run: from scenes and settings to a checkpoint and the exported network."""

from __future__ import annotations

import json
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

import torch

from clustercnn.data import held_out_batch
from clustercnn.model import ClusterNet, noise_scale, save_artefact, save_checkpoint
from clustercnn.training.distributed import Ranks, join_ranks
from clustercnn.training.feed import choose_painter, open_stream
from clustercnn.training.guards import determinism, stop_signals
from clustercnn.training.loop import train
from clustercnn.training.losses import LossModule
from clustercnn.training.precision import bf16_is_faster, pick_device, pick_threads
from clustercnn.training.progress import ProgressLine, duration
from clustercnn.training.recalibrate import recalibrate
from clustercnn.training.resume import check_same, find_checkpoint
from clustercnn.training.run import FitResult, RunSettings, artefact_metadata
from clustercnn.training.stamps import stamp_sheet
from clustercnn.training.start import take_weights
from clustercnn.training.state import TrainState
from clustercnn.training.trackers import NoTracker, Tracker, open_tracker
from clustercnn.training.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from clustercnn.scene import Scenes

    # pictures of an artefact by name; the command gives it, since training may not import evaluation
    Figures = Callable[[Path], Mapping[str, Path]]

__all__ = ["fit"]

_CHUNK = 128  # scenes per pass of the recalibration


def fit(scenes: Scenes, settings: RunSettings, folder: Path, *, figures: Figures | None = None) -> FitResult:
    """Trains and exports: leaves ``checkpoint.pt``, ``model.ts`` and ``model.pt2`` in ``folder``.

    A first look at the half-trained network goes to the subfolder ``early``.

    Args:
        scenes: what to learn from.
        settings: of the run.
        folder: the run folder.
        figures: draws early figures from an artefact of the averaged network; called once.

    Raises:
        InvalidInput: settings that do not fit each other or the checkpoint.
        DataFileError: a checkpoint that cannot be read.
        TrainingDiverged: no finite gradients any more.
    """
    resumed = find_checkpoint(settings.resume, folder)  # a bad checkpoint is found before anything starts
    folder.mkdir(parents=True, exist_ok=True)
    device = pick_device(settings.train.device)
    ranks = join_ranks(device.type)
    if device.type == "cuda":
        device = pick_device("cuda", local=ranks.local)
    with determinism(settings.train.deterministic):
        try:
            return _Run(scenes, settings, folder, ranks=ranks, device=device, resumed=resumed).go(figures)
        finally:
            ranks.leave()


class _Run:
    """The parts of one run, put together."""

    def __init__(
        self,
        scenes: Scenes,
        settings: RunSettings,
        folder: Path,
        *,
        ranks: Ranks,
        device: torch.device,
        resumed: dict[str, Any] | None,
    ) -> None:
        self.scenes, self.settings, self.folder, self.ranks = scenes, settings, folder, ranks
        self.n, self.shard = ranks.shard(settings.train.batch_size)
        self.device = device
        self.painter, self.drawing = choose_painter(scenes, settings.train.render_device, device)
        self.threads, self.data_threads = pick_threads(settings.train, world=ranks.world)
        torch.set_num_threads(self.threads)
        self.metadata = artefact_metadata(scenes, settings)
        self.scale = noise_scale(scenes.survey)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            net = ClusterNet(settings.model, scale=self.scale, bounds=scenes.prior.label_bounds, size=scenes.size)
        self.new_parts = take_weights(net, settings.start) if settings.start and resumed is None else None
        net = net.to(device, memory_format=torch.channels_last)
        self.state = TrainState(net, settings.train, known=settings.start.weights if settings.start else ())
        self.bf16 = self._bf16(net, resumed)
        if resumed is not None:
            check_same(resumed["made_with"], self._made_with(), path=resumed["path"])
            self.state.load_state_dict(resumed["state"])

    def _bf16(self, net: ClusterNet, resumed: dict[str, Any] | None) -> bool:
        choice = self.settings.train.bf16
        if choice is None and resumed is not None:
            choice = resumed["bf16"]
        if choice is None:
            choice = not self.settings.train.deterministic and bf16_is_faster(net)
        return bool(self.ranks.agree(float(choice)))

    def _made_with(self) -> dict[str, Any]:
        kept = ("bands", "size", "label_bounds", "survey", "prior", "model", "seed")
        start = self.settings.start
        values = {k: self.metadata[k] for k in kept} | {
            "batch_size": self.settings.train.batch_size,
            "scene": (self.settings.config or {}).get("scene"),
            "start_from": None if start is None else start.made_by.get("sha256"),
        }
        return json.loads(
            json.dumps(values)
        )  # plain containers and numbers only: the checkpoint is read without pickle

    def save(self) -> None:
        """Writes the checkpoint."""
        if self.ranks.first:
            state = {"state": self.state.state_dict(), "made_with": self._made_with(), "bf16": self.bf16}
            save_checkpoint(self.folder / "checkpoint.pt", state)

    def go(self, figures: Figures | None) -> FitResult:
        """Trains to the end of the budget or the first Ctrl-C, then exports."""
        tracker: Tracker = NoTracker()
        if self.ranks.first:
            tracker = open_tracker(self.settings.tracker, folder=self.folder, config=self.metadata)
        with stop_signals() as stopped, ProgressLine(quiet=not self.ranks.first) as line:
            self._announce(line)
            finished, values = self._train(figures, tracker, line, stopped)
            if finished and self.ranks.first and self.settings.train.recalibrate:
                finished = self._recalibrate(line, stopped)
        if finished and self.ranks.first:
            save_artefact(self.state.average, self.metadata | {"training": self._effort()}, self.folder / "model.ts")
        return FitResult(
            folder=self.folder,
            finished=finished,
            first_rank=self.ranks.first,
            steps=self.state.step,
            images=self.state.images,
            seconds=self.state.elapsed,
            data_wait=self.state.waited / max(self.state.elapsed, 1e-9),
            skipped=self.state.skipped,
            validation=values,
            tracker=tracker,
        )

    def _train(
        self, figures: Figures | None, tracker: Tracker, line: ProgressLine, stopped: Callable[[], bool]
    ) -> tuple[bool, dict[str, float]]:
        """Whether the budget was spent, and the last validation."""
        settings, state = self.settings, self.state
        validation = held_out_batch(self.scenes, settings.train.validation_size, seed=settings.seed)
        tracker.images(state.step, {"stamps": stamp_sheet(validation.images[:32].numpy(), self.scale)})
        watch = Watch(
            state,
            settings.train,
            validation=validation,
            entropy=float(self.scenes.prior.entropy),
            tracker=(tracker, settings.tracker.every),
            line=line,
            actions=(self.save, lambda: self._early(figures, tracker)),
        )
        module = self.ranks.wrap(LossModule(state.net, bf16=self.bf16).train())
        stream = open_stream(
            self.painter,
            settings,
            device=self.device,
            n=self.n,
            shard=self.shard,
            start=state.step,
            threads=self.data_threads,
        )
        with stream:
            after = watch if self.ranks.first else _nothing
            finished = train(
                state, module, stream, settings=settings.train, ranks=self.ranks, after_step=after, stopped=stopped
            )
        self.save()
        return finished, watch.validate() if finished and self.ranks.first else {}

    def _recalibrate(self, line: ProgressLine, stopped: Callable[[], bool]) -> bool:
        """Whether it was done; not if a signal came before its end."""
        batches = -(-self.settings.train.recalibrate // _CHUNK)
        line.say(f"recalibrating the posterior on {batches * _CHUNK:,} new scenes")
        stream = open_stream(
            self.painter,
            self.settings,
            device=self.device,
            n=_CHUNK,
            threads=self.data_threads,
            stream="recalibration",
        )
        with stream:
            some = takewhile(lambda _: not stopped(), islice(stream, batches))
            gain = recalibrate(self.state.average, some)
        if not stopped():
            line.say(f"recalibrated: posterior {gain:+.4f} nats on these scenes")
        return not stopped()

    def _effort(self) -> dict[str, Any]:
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        state, start = self.state, self.settings.start
        values = {"steps": state.step, "images": state.images, "seconds": round(state.elapsed, 1), "device": device}
        return values | ({"started_from": dict(start.made_by)} if start else {})

    def _announce(self, line: ProgressLine) -> None:
        seconds, steps = self.settings.train.budget
        limits = ([duration(seconds) + " minutes"] if seconds else []) + ([f"{steps} steps"] if steps else [])
        count = sum(p.numel() for p in self.state.net.parameters())
        line.say(
            f"model {self.settings.model.name}: {count / 1e6:.2f} million weights, {'bf16' if self.bf16 else 'fp32'}, "
            f"{self.device}, {self.threads} + {self.data_threads} threads, {self.drawing}; budget {' or '.join(limits)}"
        )
        if self.new_parts is not None:
            line.say(f"weights of {self.settings.start.name}; new: {', '.join(self.new_parts) or 'nothing'}")
        if self.state.step:
            line.say(f"resumed at step {self.state.step}")

    def _early(self, figures: Figures | None, tracker: Tracker) -> None:
        if figures is None or not self.settings.train.figures:
            return
        # apart from the results: an interrupted run must not look like a finished one
        path = self.folder / "early" / "model.ts"
        path.parent.mkdir(exist_ok=True)
        save_artefact(self.state.average, self.metadata, path, exported=False)
        tracker.images(self.state.step, figures(path))


def _nothing(share: float, values: torch.Tensor | None) -> None:
    """Ranks other than the first only step."""
