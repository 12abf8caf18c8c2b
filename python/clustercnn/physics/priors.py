"""The prior: ranges of the labels and of what is marginalised over, and clusters drawn from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.labels import LABEL_NAMES, LIMITS, VARIETY, ClusterParams
from clustercnn.physics.checks import known_keys, number, number_range
from clustercnn.physics.philox import random_words
from clustercnn.physics.surveys import load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from clustercnn.physics.isochrones import StellarTable

__all__ = ["Prior"]

# log10 of the mass by which the realised mass may leave the range of the target mass before it is off the posterior's
# support: three standard deviations for 300 Msun, whose 0.08 dex follow from the IMF's second moment (0.10 dex, 2.5
# standard deviations, if all stars are binaries: systems are fewer)
MASS_MARGIN = 0.25
HALF_TURN = (0.0, 180.0)  # degrees: an ellipse is the same after it
# "prior" and "gain" in ASCII: they keep these random numbers apart from others of the same seed
PRIOR_STREAM, GAIN_STREAM = 0x7072696F72, 0x6761696E
_CALIBRATION = ("zero_point", "distance")


@dataclass(frozen=True)
class Prior:
    """Uniform in each label and nuisance between (low, high).

    Args:
        log_age, log_mass, a_v, log_rh: ranges of the labels, units as in ``LABELS``.
        gamma: range of the EFF slope.
        offset: half width, in pixels, of the square about the stamp's middle in which the centre lies.
        metallicity: range of the mass fraction of metals.
        binary_fraction, ellipticity, position_angle, segregation, a_v_scatter: ranges as in ``ClusterParams``; None
            leaves the clusters plain. Without a range of its own the position angle of ellipses is any.
        zero_point: mag; the calibration of each band errs by up to this much either way, for each cluster anew.
        distance: mag; the distance modulus errs by up to this much either way.

    Raises:
        InvalidInput: a range upside down, or outside of what makes sense; see ``check`` too.
    """

    log_age: tuple[float, float]
    log_mass: tuple[float, float]
    a_v: tuple[float, float]
    log_rh: tuple[float, float]
    gamma: tuple[float, float]
    offset: float
    metallicity: tuple[float, float]
    binary_fraction: tuple[float, float] | None = None
    ellipticity: tuple[float, float] | None = None
    position_angle: tuple[float, float] | None = None
    segregation: tuple[float, float] | None = None
    a_v_scatter: tuple[float, float] | None = None
    zero_point: float = 0.0
    distance: float = 0.0

    def __post_init__(self) -> None:
        given = [name for name in VARIETY if getattr(self, name) is not None]
        for name in (*LABEL_NAMES, "gamma", "metallicity", *given):
            low, high = number_range(getattr(self, name), f"prior: {name}")
            if name in LABEL_NAMES and low == high:
                raise InvalidInput(f"prior: {name}: {[low, high]}; [low, high] with low < high is allowed")
            object.__setattr__(self, name, (low, high))
        for name, unit, most in (("offset", "pixels", np.inf), ("zero_point", "mag", 1.0), ("distance", "mag", 1.0)):
            object.__setattr__(self, name, number(getattr(self, name), f"prior: {name} ({unit})", low=0.0, high=most))
        _inside("a_v", self.a_v, (0.0, 5.0))
        for name in ("log_mass", "log_rh"):
            (low, high), (least, most) = getattr(self, name), LIMITS[name]
            if low < least or high > most:
                raise InvalidInput(f"prior: {name}: {[low, high]}; {least:g} to {most:g}, a logarithm, is allowed")
        if self.gamma[0] <= 2:
            raise InvalidInput(f"prior: gamma: {list(self.gamma)}; values > 2 are allowed")
        for name in given:
            (low, high), (least, most) = getattr(self, name), VARIETY[name]
            if low < least or high > most:
                raise InvalidInput(f"prior: {name}: {[low, high]}; {least:g} to {most:g} is allowed")

    def check(self, table: StellarTable) -> None:
        """Raise ``InvalidInput`` for ages or metallicities that stars of a table, ``Survey.table``, do not have."""
        _inside("log_age", self.log_age, table.log_age_range)
        _inside("metallicity", self.metallicity, table.z)

    @classmethod
    def load(cls, prior: str | Path) -> Prior:
        """A prior by name (``"m83"``) or from a YAML file."""
        return cls.from_dict(load_yaml("prior", prior))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Prior:
        """A prior from the mapping its YAML file holds. Raises ``InvalidInput`` for unknown or missing entries."""
        optional = (*VARIETY, *_CALIBRATION)
        needed = tuple(f.name for f in fields(cls) if f.name not in optional)
        known_keys(values, needed, where="prior", required=True, optional=optional)
        return cls(**{k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in values.items()})

    def to_dict(self) -> dict[str, Any]:
        """The plain mapping ``from_dict`` takes, without what is None."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v is not None}

    @property
    def bounds(self) -> NDArray[np.float64]:
        """[4, 2]: (low, high) of each label, log_mass being the target's."""
        return np.array([getattr(self, name) for name in LABEL_NAMES], dtype=np.float64)

    @property
    def label_bounds(self) -> NDArray[np.float64]:
        """[4, 2]: support of the posterior; log_mass, the realised mass's, is wider than the target's."""
        bounds = self.bounds
        bounds[LABEL_NAMES.index("log_mass")] += (-MASS_MARGIN, MASS_MARGIN)
        return bounds

    @property
    def entropy(self) -> float:
        """Differential entropy of the four labels, nats."""
        return float(np.log(np.diff(self.bounds, axis=1)).sum())

    @property
    def variety(self) -> dict[str, tuple[float, float]]:
        """Ranges of what sets clusters apart from plain ones, those in effect."""
        given = {name: getattr(self, name) for name in VARIETY if getattr(self, name) is not None}
        return {"position_angle": HALF_TURN, **given} if "ellipticity" in given else given

    def sample(self, n: int, *, seed: int, first: int = 0, size: int | None = None) -> ClusterParams:
        """Draws clusters ``first`` to ``first + n - 1`` of a seed; each is a function of (seed, its number) alone.

        Args:
            n: how many.
            seed: 64-bit non-negative.
            first: number of the first.
            size: of the stamp in pixels, whose middle the centres scatter about; None leaves x and y to the renderer.
        """
        return self.sample_at(np.arange(first, first + n), seed=seed, size=size)

    def sample_at(self, numbers: NDArray[np.integer], *, seed: int, size: int | None = None) -> ClusterParams:
        """``sample`` for any cluster numbers, shape [n]."""
        given = self.variety
        # each nuisance has its column, so that one more changes none of the others
        u = _uniforms(numbers, seed, columns=8 + len(VARIETY) if given else 8)
        ranges = [*self.bounds, self.gamma, self.metallicity]
        values = [low + (high - low) * u[:, k] for k, (low, high) in enumerate(ranges)]
        middle = None if size is None else (size - 1) / 2
        x, y = (None, None) if middle is None else (middle + self.offset * (2 * u[:, k] - 1) for k in (6, 7))
        variety = {
            name: given[name][0] + (given[name][1] - given[name][0]) * u[:, 8 + k]
            for k, name in enumerate(VARIETY)
            if name in given
        }
        return ClusterParams(*values[:4], gamma=values[4], metallicity=values[5], x=x, y=y, **variety)

    def gains_at(self, numbers: NDArray[np.integer], *, seed: int, bands: int) -> NDArray[np.float32]:
        """Factors [n, bands] on the light of clusters: what errors of zero points and distance make of it.

        Each row is a function of (seed, the cluster's number) alone.
        """
        error = 2 * _uniforms(numbers, seed, columns=1 + bands, stream=GAIN_STREAM) - 1
        magnitudes = self.distance * error[:, :1] + self.zero_point * error[:, 1:]
        return (10.0 ** (-0.4 * magnitudes)).astype(np.float32)


def _inside(name: str, given: tuple[float, float], table: NDArray[np.float64] | tuple[float, float]) -> None:
    low, high = float(np.min(table)), float(np.max(table))
    if given[0] < low - 1e-9 or given[1] > high + 1e-9:
        raise InvalidInput(f"prior: {name}: {list(given)} is outside the stellar table; {low:g} to {high:g} is allowed")


def _uniforms(
    numbers: NDArray[np.integer], seed: int, *, columns: int, stream: int = PRIOR_STREAM
) -> NDArray[np.float64]:
    """[n, columns] uniform in [0, 1)."""
    return (random_words(seed, stream, numbers, columns=columns) >> np.uint64(11)) * 2.0**-53
