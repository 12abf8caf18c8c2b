"""Physics: stars, clusters, telescope. Tables in, tables out."""

from clustercnn.physics.bands import Band as Band
from clustercnn.physics.binaries import Binaries as Binaries
from clustercnn.physics.imf import Imf as Imf
from clustercnn.physics.isochrones import Isochrone as Isochrone
from clustercnn.physics.isochrones import StellarTable as StellarTable
from clustercnn.physics.populations import Populations as Populations
from clustercnn.physics.priors import Prior as Prior
from clustercnn.physics.profiles import Eff as Eff
from clustercnn.physics.profiles import King as King
from clustercnn.physics.profiles import Uniform as Uniform
from clustercnn.physics.psf import OpticalModel as OpticalModel
from clustercnn.physics.psf import Psf as Psf
from clustercnn.physics.surveys import Survey as Survey

__all__ = [
    "Band",
    "Binaries",
    "Eff",
    "Imf",
    "Isochrone",
    "King",
    "OpticalModel",
    "Populations",
    "Prior",
    "Psf",
    "StellarTable",
    "Survey",
    "Uniform",
]
