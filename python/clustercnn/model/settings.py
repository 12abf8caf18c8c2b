"""Settings read from a mapping with plain errors, and the settings of the network."""

from __future__ import annotations

import difflib
import math
import types
import typing
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ModelSettings", "read_settings"]

T = TypeVar("T")
_CHOICES = {"trunk": ("resnet", "none"), "photometry": ("centred", "catalogue")}
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _nearest(name: str, known: Iterable[str], *, n: int = 3) -> str:
    """The known names nearest to ``name``, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=n, cutoff=0.5)
    return f"nearest: {', '.join(near)}" if near else f"known: {', '.join(known)}"


def read_settings(cls: type[T], mapping: Mapping[str, Any], *, where: str) -> T:
    """Builds the settings dataclass ``cls`` from a mapping, checking names and types.

    Args:
        cls: a dataclass whose fields are int, float, bool, str, tuples of int, or one of these or None.
        mapping: values by field name, as YAML gives them.
        where: the name of the group in the configuration, for messages ("train").

    Raises:
        InvalidInput: an unknown or missing name, or a value of the wrong type; names its neighbours.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    unknown = [name for name in mapping if name not in names]
    if unknown:
        raise InvalidInput(f"{where}.{unknown[0]}: no such setting; {_nearest(unknown[0], names)}")
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    missing = [name for name in required if name not in mapping]
    if missing:
        raise InvalidInput(f"{where}.{missing[0]}: missing; it has no default")
    return cls(**{name: _convert(value, hints[name], f"{where}.{name}") for name, value in mapping.items()})


def _convert(value: Any, hint: Any, name: str) -> Any:
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(h for h in typing.get_args(hint) if h is not type(None))
    if typing.get_origin(hint) is tuple:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise InvalidInput(f"{name}: {value!r} is not a list; a list such as [1, 2] is allowed")
        return tuple(_convert(v, typing.get_args(hint)[0], name) for v in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):  # YAML 1.1 reads 1e-3 as a text
        try:
            return float(value)
        except ValueError:
            pass
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise InvalidInput(f"{name}: {value!r} is not {_KINDS[hint]}")
    return value


@dataclass(frozen=True)
class ModelSettings:
    """Shape of the network.

    Args:
        name: what tables and run names call it.
        trunk: "resnet" looks at pixels; "none" leaves photometry alone.
        photometry: "centred" measures fluxes, growth and structure about the object's own centre; "catalogue" what
            catalogues have: three apertures.
        layers: widths of the layers that read the photometry.
        softening: noise sigmas per pixel where the stretch of the trunk's images turns from linear to logarithmic.
        stem: channels of the first convolution, at full resolution.
        widths: channels of each stage.
        depths: residual blocks of each stage.
        strides: 1 or 2: the step of each stage's first block.
        context: length of the feature vector that the heads read.
        hidden: width of the posterior's conditional networks; the layer below them has eight times that.
        bins: bins of each conditional density, at least 24.
    """

    name: str = "small"
    trunk: str = "resnet"
    photometry: str = "centred"
    layers: tuple[int, ...] = (256, 256, 256)
    softening: float = 1.0
    stem: int = 16
    widths: tuple[int, ...] = (32, 64, 128, 192)
    depths: tuple[int, ...] = (1, 1, 1, 1)
    strides: tuple[int, ...] = (2, 2, 2, 2)
    context: int = 128
    hidden: int = 64
    bins: int = 32

    def __post_init__(self) -> None:
        for key, allowed in _CHOICES.items():
            if getattr(self, key) not in allowed:
                raise InvalidInput(f"model.{key}: {getattr(self, key)!r}; {' or '.join(allowed)} is allowed")
        if not self.layers or min(self.layers) < 1:
            raise InvalidInput(f"model.layers: {self.layers}; one width or more, each of at least 1, is allowed")
        if not (math.isfinite(self.softening) and self.softening > 0):
            raise InvalidInput(f"model.softening: {self.softening}; a number above 0 is allowed")
        if not len(self.widths) == len(self.depths) == len(self.strides) > 0:
            raise InvalidInput(
                f"model: widths {self.widths}, depths {self.depths}, strides {self.strides}; "
                "lists of one length are allowed"
            )
        small = [k for k in ("stem", "context", "hidden") if getattr(self, k) < 1]
        if small or min(self.widths + self.depths) < 1:
            raise InvalidInput(f"model.{small[0] if small else 'widths, depths'}: values of at least 1 are allowed")
        if not set(self.strides) <= {1, 2}:
            raise InvalidInput(f"model.strides: {self.strides}; each of them 1 or 2 is allowed")
        if self.bins < 24:
            raise InvalidInput(f"model.bins: {self.bins}; at least 24 is allowed")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as YAML and JSON hold them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
