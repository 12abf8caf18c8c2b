"""What is in the picture: backgrounds, clusters on them, noise, and how visible the clusters are."""

from clustercnn.scene.build import build_scenes as build_scenes
from clustercnn.scene.build import check_scene as check_scene
from clustercnn.scene.build import field_settings as field_settings
from clustercnn.scene.build import make_scenes as make_scenes
from clustercnn.scene.compose import SceneBatch as SceneBatch
from clustercnn.scene.compose import Scenes as Scenes
from clustercnn.scene.device import DeviceScenes as DeviceScenes
from clustercnn.scene.fits_output import mosaic_bytes as mosaic_bytes
from clustercnn.scene.fits_output import write_mock as write_mock
from clustercnn.scene.fits_output import write_mosaics as write_mosaics
from clustercnn.scene.mock_mosaic import check_room as check_room
from clustercnn.scene.mock_mosaic import fill_mosaic as fill_mosaic
from clustercnn.scene.mock_mosaic import mock_mosaic as mock_mosaic
from clustercnn.scene.mosaics import Mosaic as Mosaic
from clustercnn.scene.mosaics import read_mosaics as read_mosaics
from clustercnn.scene.population import StarList as StarList
from clustercnn.scene.storage import Stamps as Stamps
from clustercnn.scene.storage import read_stamps as read_stamps
from clustercnn.scene.storage import write_stamps as write_stamps
from clustercnn.scene.streaming import FieldStep as FieldStep
from clustercnn.scene.streaming import Tile as Tile
from clustercnn.scene.streaming import draw_field as draw_field
from clustercnn.scene.synthetic import FieldSettings as FieldSettings
from clustercnn.scene.synthetic import synthetic_field as synthetic_field
from clustercnn.scene.visibility import snr as snr

__all__ = [
    "DeviceScenes",
    "FieldSettings",
    "FieldStep",
    "Mosaic",
    "SceneBatch",
    "Scenes",
    "Stamps",
    "StarList",
    "Tile",
    "build_scenes",
    "check_room",
    "check_scene",
    "draw_field",
    "field_settings",
    "fill_mosaic",
    "make_scenes",
    "mock_mosaic",
    "mosaic_bytes",
    "read_mosaics",
    "read_stamps",
    "snr",
    "synthetic_field",
    "write_mock",
    "write_mosaics",
    "write_stamps",
]
