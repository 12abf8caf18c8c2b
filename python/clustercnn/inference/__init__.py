"""The trained network on images: predictions, catalogues, result tables, and the search of a mosaic."""

from clustercnn.inference.artefact import LoadedArtefact as LoadedArtefact
from clustercnn.inference.artefact import load_artefact as load_artefact
from clustercnn.inference.catalogues import Catalogue as Catalogue
from clustercnn.inference.catalogues import read_catalogue as read_catalogue
from clustercnn.inference.flags import FLAGS as FLAGS
from clustercnn.inference.flags import Flag as Flag
from clustercnn.inference.flags import flag_bit as flag_bit
from clustercnn.inference.flags import flag_names as flag_names
from clustercnn.inference.images import depth_warnings as depth_warnings
from clustercnn.inference.images import read_images as read_images
from clustercnn.inference.parts import part_flags as part_flags
from clustercnn.inference.posterior import Posterior as Posterior
from clustercnn.inference.predict import Predictor as Predictor
from clustercnn.inference.predictive import PredictiveCheck as PredictiveCheck
from clustercnn.inference.results import results_table as results_table
from clustercnn.inference.results import write_table as write_table
from clustercnn.inference.reweight import NewPrior as NewPrior
from clustercnn.inference.reweight import resample as resample
from clustercnn.inference.stamps import cut_stamps as cut_stamps
from clustercnn.inference.tiling import Candidates as Candidates
from clustercnn.inference.tiling import SearchSettings as SearchSettings
from clustercnn.inference.tiling import grid_points as grid_points
from clustercnn.inference.tiling import presence_map as presence_map
from clustercnn.inference.tiling import search as search

__all__ = [
    "FLAGS",
    "Candidates",
    "Catalogue",
    "Flag",
    "LoadedArtefact",
    "NewPrior",
    "Posterior",
    "PredictiveCheck",
    "Predictor",
    "SearchSettings",
    "cut_stamps",
    "depth_warnings",
    "flag_bit",
    "flag_names",
    "grid_points",
    "load_artefact",
    "part_flags",
    "presence_map",
    "read_catalogue",
    "read_images",
    "resample",
    "results_table",
    "search",
    "write_table",
]
