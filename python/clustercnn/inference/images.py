"""The images a network is asked about: the right bands, read in the units of the survey it was trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clustercnn.errors import InvalidInput
from clustercnn.physics import Survey
from clustercnn.scene.mosaics import read_mosaics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clustercnn.inference.predict import Predictor
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["check_bands", "depth_warnings", "read_images"]

# Factor in exposure, a quarter in the noise, beyond which a network's S/N and widths are not to be relied on
_DEPTH = 1.5


def check_bands(predictor: Predictor, images: Mapping[str, str | Path | None]) -> None:
    """Make sure that there is one image for each band of the network, and no other.

    Raises:
        InvalidInput: names the bands of both sides.
    """
    named = {str(band) for band, path in images.items() if path}
    if named != set(predictor.bands):
        raise InvalidInput(
            f"images: {', '.join(sorted(named)) or 'none'} given, but the model {predictor.artefact.path} reads "
            f"{', '.join(predictor.bands)}; give images.<BAND>=<FITS file> for each of these"
        )


def depth_warnings(predictor: Predictor, mosaic: Mosaic) -> list[str]:
    """What to say of images that are much deeper or shallower than those the network was trained on: a line a band.

    Networks trained on observed mosaics keep quiet: those had exposures of their own.
    """
    metadata = predictor.artefact.metadata
    if metadata.get("config", {}).get("scene", {}).get("kind") == "fits":
        return []
    trained = {band.name: band.exposure for band in Survey.from_dict(metadata["survey"]).bands}
    found = zip(mosaic.bands, mosaic.exposures.tolist(), strict=True)
    return [
        f"images.{band}: exposure {seconds:g} s; the model was trained for {trained[band]:g} s, so its "
        "S/N and the widths of its posteriors may be off"
        for band, seconds in found
        if not 1 / _DEPTH <= seconds / trained[band] <= _DEPTH
    ]


def read_images(predictor: Predictor, images: Mapping[str, str | Path | None]) -> Mosaic:
    """The mosaic of the network's bands, in e-/s at the zero points of its survey.

    Raises:
        InvalidInput: other bands than the network's, other pixels than its survey's, or images that do not align.
        DataFileError: a file that cannot be used.
    """
    check_bands(predictor, images)
    survey = Survey.from_dict(predictor.artefact.metadata["survey"])
    return read_mosaics({band: images[band] for band in predictor.bands}, survey)
