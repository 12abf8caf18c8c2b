"""clustercnn: ages, masses, extinctions and sizes of star clusters from galaxy images."""

from importlib.metadata import version as _version

from clustercnn.errors import ClusterCNNError as ClusterCNNError
from clustercnn.errors import DataFileError as DataFileError
from clustercnn.errors import InvalidInput as InvalidInput
from clustercnn.errors import MissingBackend as MissingBackend
from clustercnn.labels import LABEL_NAMES as LABEL_NAMES
from clustercnn.labels import LABELS as LABELS
from clustercnn.labels import ClusterParams as ClusterParams
from clustercnn.physics.priors import Prior as Prior
from clustercnn.physics.psf import Psf as Psf
from clustercnn.physics.surveys import Survey as Survey
from clustercnn.render.front import Renderer as Renderer
from clustercnn.render.settings import RenderSettings as RenderSettings

__version__ = _version("clustercnn")

__all__ = [
    "LABELS",
    "LABEL_NAMES",
    "ClusterCNNError",
    "ClusterParams",
    "DataFileError",
    "InvalidInput",
    "MissingBackend",
    "Prior",
    "Psf",
    "RenderSettings",
    "Renderer",
    "Survey",
    "__version__",
]
