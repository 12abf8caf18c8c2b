"""The network: stretch, trunk, joint posterior, checkpoints and the exported artefact."""

from clustercnn.model.artefact import Artefact as Artefact
from clustercnn.model.artefact import save_artefact as save_artefact
from clustercnn.model.checkpoint import load_checkpoint as load_checkpoint
from clustercnn.model.checkpoint import save_checkpoint as save_checkpoint
from clustercnn.model.net import ClusterNet as ClusterNet
from clustercnn.model.settings import ModelSettings as ModelSettings
from clustercnn.model.settings import read_settings as read_settings
from clustercnn.model.stretch import noise_scale as noise_scale

__all__ = [
    "Artefact",
    "ClusterNet",
    "ModelSettings",
    "load_checkpoint",
    "noise_scale",
    "read_settings",
    "save_artefact",
    "save_checkpoint",
]
