"""One band of a survey: its filter, what one e-/s means, its noise and its point-spread functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from clustercnn.errors import InvalidInput
from clustercnn.physics.checks import known_keys, known_name, mapping, number
from clustercnn.physics.isochrones import StellarTable
from clustercnn.physics.psf import OpticalModel, Psf

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Band"]


@dataclass(frozen=True)
class Band:
    """One band of a survey.

    Args:
        name: short name, as in file names and columns.
        filter: full name of the throughput curve in the stellar table.
        zero_point: VEGAMAG that gives 1 e-/s; None takes the stellar table's.
        exposure: seconds.
        read_noise: e- rms per pixel of the whole exposure.
        sky: e-/s per pixel, sky and dark current.
        a_milky_way: foreground extinction by the Milky Way in this band, mag.
        psf: ``{path, oversample}`` of a FITS kernel, or arguments of ``OpticalModel``; or a list of such, a library of
            kernels (focus, field position) of which each cluster gets one at random. Arguments that are lists, all of
            one length, make a library as well, and so does a STDPSF, STScI's grid of kernels over a detector.

    Raises:
        InvalidInput: an exposure that is not positive, a negative noise or sky, an unknown filter, or one of which the
            table has no zero point where none is given.
    """

    name: str
    filter: str
    zero_point: float | None
    exposure: float
    read_noise: float
    sky: float
    a_milky_way: float
    psf: Mapping[str, Any] | Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        where = f"survey: bands.{self.name}"
        object.__setattr__(self, "exposure", number(self.exposure, f"{where}.exposure", above=0.0))
        for field in ("read_noise", "sky", "a_milky_way"):
            object.__setattr__(self, field, number(getattr(self, field), f"{where}.{field}", low=0.0))
        table = StellarTable.load()
        known_name("filter", self.filter, table.bands, where=where)
        zero_point = table.zero_points.get(self.filter) if self.zero_point is None else self.zero_point
        if zero_point is None:
            raise InvalidInput(f"{where}.zero_point: none; {self.filter}, which belongs to no camera, needs one")
        object.__setattr__(self, "zero_point", number(zero_point, f"{where}.zero_point"))
        for entry in self.psf if isinstance(self.psf, (list, tuple)) else [self.psf]:
            mapping(entry, f"{where}.psf")

    @property
    def psf_entries(self) -> list[dict[str, Any]]:
        """What ``psf`` holds, as a list of kernels: lists of values within an entry are that many kernels."""
        entries = [self.psf] if isinstance(self.psf, Mapping) else self.psf
        return [one for entry in entries for one in self._spread(dict(entry))]

    def _spread(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        lists = {name: value for name, value in entry.items() if isinstance(value, (list, tuple))}
        lengths = {len(value) for value in lists.values()}
        if len(lengths) > 1 or 0 in lengths:
            raise InvalidInput(
                f"survey: bands.{self.name}.psf: {lists}; lists of one length, or single values, are allowed"
            )
        return [entry | {name: value[k] for name, value in lists.items()} for k in range(max(lengths, default=1))]

    def load_psfs(self, pixel_scale: float) -> tuple[Psf, ...]:
        """The kernels that ``psf`` describes, on pixels of ``pixel_scale`` arcsec."""
        return tuple(psf for entry in self.psf_entries for psf in self._load(entry, pixel_scale))

    def _load(self, given: dict[str, Any], pixel_scale: float) -> tuple[Psf, ...]:
        where = f"survey: bands.{self.name}.psf"
        if "path" in given:
            known_keys(given, ("path", "oversample", "includes_pixel"), where=where)
            return Psf.library_from_fits(str(given.pop("path")), **given)
        needed = ("wavelength", "bandwidth")
        optional = tuple(f.name for f in fields(OpticalModel) if f.name not in (*needed, "pixel_scale"))
        known_keys(given, needed, where=where, required=True, optional=optional)
        try:
            return (OpticalModel(pixel_scale=pixel_scale, **given).psf(),)
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {error}") from error
