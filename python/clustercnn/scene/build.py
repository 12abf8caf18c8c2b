"""Scenes from plain options, as the commands' configuration gives them."""

from __future__ import annotations

import difflib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from clustercnn.errors import InvalidInput
from clustercnn.physics import Prior, Survey
from clustercnn.physics.checks import number
from clustercnn.render import Renderer, RenderSettings
from clustercnn.scene.compose import Scenes
from clustercnn.scene.mosaics import check_band_names, read_mosaics
from clustercnn.scene.synthetic import FieldSettings, synthetic_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clustercnn.scene.mosaics import Mosaic

__all__ = ["build_scenes", "check_scene", "field_settings", "make_scenes"]

_SHARES = ("present_fraction", "confuser_fraction", "edge_fraction", "cosmic_ray_fraction")
_DRAWING = ("tolerance", "faint_fraction")
_FIELDS_AT_ONCE = 4  # each is drawn by all cores, but between its tiles they wait for one; more cost memory
_COMMON = ("kind", *_SHARES, *_DRAWING)
_KINDS = {"synthetic": ("fields", "field_size", "field"), "fits": ("images",)}


def build_scenes(config: Mapping[str, Any]) -> Scenes:
    """The scenes that a command's configuration describes.

    Args:
        config: plain mappings ``survey``, ``prior`` and ``scene`` (see ``make_scenes``), and the numbers ``size`` and
            ``seed``.

    Raises:
        InvalidInput: an unknown or missing option, or a value that is not allowed.
        DataFileError: an image or a kernel that cannot be used.
    """
    survey, prior = Survey.from_dict(config["survey"]), Prior.from_dict(config["prior"])
    return make_scenes(config["scene"], survey, prior, size=config["size"], seed=config["seed"])


def make_scenes(options: Mapping[str, Any], survey: Survey, prior: Prior, *, size: int, seed: int) -> Scenes:
    """Read or draw the backgrounds and make the scenes.

    Args:
        options: ``kind`` ("synthetic" or "fits"), ``present_fraction``, ``confuser_fraction``, ``edge_fraction`` and
            ``cosmic_ray_fraction`` of ``Scenes``, ``tolerance`` and ``faint_fraction`` of ``RenderSettings``, and
            for "synthetic": ``fields`` (how many), ``field_size`` (pixels), ``field`` (``FieldSettings``);
            for "fits": ``images``, a path for each band; bands without a path (None) are left out.
        survey: bands, noise, PSFs.
        prior: the clusters.
        size: side of the samples in pixels.
        seed: of the synthetic fields.

    Raises:
        InvalidInput: an unknown option, or a value that is not allowed; names its nearest neighbour.
        DataFileError: an image that cannot be used.
    """
    check_scene(options, survey, prior, size=size)
    shares, drawing = ({name: options[name] for name in names if name in options} for names in (_SHARES, _DRAWING))
    # one thread: batches are drawn by several threads at once, each with its own samples
    renderer = Renderer(survey, size=size, settings=RenderSettings(threads=1, **drawing))
    if options["kind"] == "fits":
        mosaics = [read_mosaics(_given_images(options), survey)]
    else:
        mosaics = _synthetic_mosaics(options, survey, seed=seed)
    return Scenes(survey, prior, renderer, mosaics=mosaics, **shares)


def check_scene(options: Mapping[str, Any], survey: Survey, prior: Prior, *, size: int) -> None:
    """Raise for what is wrong with the options of ``make_scenes``, before anything is read or drawn."""
    kind = options.get("kind")
    if kind not in _KINDS:
        raise InvalidInput(f"scene.kind: {kind!r}; {' or '.join(_KINDS)} is allowed")
    _check_keys(options, (*_COMMON, *_KINDS[kind]), "scene")
    prior.check(survey.table)
    for name in _SHARES:
        number(options.get(name, 0.0), f"scene.{name}", low=0.0, high=1.0)
    for name in _DRAWING:
        if name in options:
            _check_drawing(name, options[name])
    if kind == "fits":
        check_band_names(_given_images(options), survey.band_names, survey.name, option="scene.images")
        return
    for name, low in (("fields", 1), ("field_size", max(size, 64))):
        value = options.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise InvalidInput(f"scene.{name}: {value!r}; a whole number of at least {low} is allowed")
    field_settings(options.get("field") or {})


def _check_drawing(name: str, value: Any) -> None:
    value = number(value, f"scene.{name}")
    try:
        RenderSettings(**{name: value})
    except InvalidInput as error:
        raise InvalidInput(f"scene.{error}") from error


def field_settings(options: Mapping[str, Any]) -> FieldSettings:
    """Settings of a synthetic field from plain options; lists become ranges.

    Raises:
        InvalidInput: an unknown option or a value out of range.
    """
    _check_keys(options, [f.name for f in fields(FieldSettings)], "scene.field")
    return FieldSettings(**{k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in options.items()})


def _given_images(options: Mapping[str, Any]) -> dict[str, Any]:
    return {band: path for band, path in (options.get("images") or {}).items() if path}


def _synthetic_mosaics(options: Mapping[str, Any], survey: Survey, *, seed: int) -> list[Mosaic]:
    count, field_size = options.get("fields", 1), options.get("field_size", 1024)
    settings = field_settings(options.get("field") or {})
    draw = partial(synthetic_field, survey, field_size, seed=seed, settings=settings)
    with ThreadPoolExecutor(_FIELDS_AT_ONCE) as pool:
        return list(pool.map(lambda k: draw(index=k), range(count)))


def _check_keys(options: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    allowed = tuple(allowed)
    for key in options:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InvalidInput(f"{where}.{key}: unknown option ({', '.join(allowed)} are known){hint}")
