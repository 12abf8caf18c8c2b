"""The renderer: from parameters or star lists to noise-free images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units
from astropy.table import QTable

from clustercnn.errors import InvalidInput
from clustercnn.physics.philox import random_words
from clustercnn.physics.populations import Populations
from clustercnn.physics.profiles import Eff
from clustercnn.render.arguments import check_out, check_seed, finite, is_on_gpu
from clustercnn.render.backends import ClusterColumns, load_native, make_backend
from clustercnn.render.plans import plan_grid
from clustercnn.render.settings import RenderSettings
from clustercnn.render.variety import systems_per_star, variety_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from clustercnn.labels import ClusterParams
    from clustercnn.physics.bands import Band
    from clustercnn.physics.profiles import King, Uniform
    from clustercnn.physics.psf import Psf
    from clustercnn.physics.surveys import Survey
    from clustercnn.render.star_lists import StarLists

__all__ = ["Renderer"]

RADIUS_NODES = 2048  # of a tabulated profile; the extension exports its own, and they must agree
MAX_BANDS = 8
PSF_STREAM = 0x707366  # "psf" in ASCII: keeps these random numbers apart from others of the same seed


class Renderer:
    """Draws star clusters of a survey, star by star, through its point-spread functions.

    Images are noise-free rates, float32 [n, band, y, x] in e-/s; pixel centres lie at integers, and the middle of the
    stamp at ``(size - 1) / 2``. The exact image is the sum over stars of flux times the band-limited kernel at the
    pixel's offset from the star; pixels differ from it by at most ``settings.tolerance`` times the peak.

    The same seed gives the same cluster on every backend, for any batch and number of threads: a cluster is a function
    of (seed, its index) alone.

    Args:
        survey: bands, pixels, kernels.
        size: of the image in pixels, 16 to 2048.
        backend: "auto", "cpp", "numba" or "cuda".
        settings: accuracy, threads.
        profile: where stars fall: None is EFF with each cluster's ``gamma``; ``King`` or ``Uniform`` for all clusters.

    Raises:
        InvalidInput: an argument out of range.
        MissingBackend: the backend asked for cannot work here.
    """

    def __init__(
        self,
        survey: Survey,
        size: int = 64,
        backend: str = "auto",
        *,
        settings: RenderSettings | None = None,
        profile: King | Uniform | None = None,
    ) -> None:
        if not isinstance(size, (int, np.integer)) or not 16 <= size <= 2048:
            raise InvalidInput(f"size: {size!r}; a whole number of pixels from 16 to 2048 is allowed")
        if len(survey.bands) > MAX_BANDS:
            raise InvalidInput(f"survey: {len(survey.bands)} bands; at most {MAX_BANDS} are allowed")
        if profile is not None and settings is not None and settings.faint_fraction > 0:
            raise InvalidInput(
                f"faint_fraction: {settings.faint_fraction:g} with {profile}; only 0 is allowed but for EFF"
            )
        self.survey, self.size, self._profile = survey, int(size), profile
        self.settings = RenderSettings() if settings is None else settings
        self.populations = Populations(survey)
        self.plan = plan_grid(self.size, [survey.psf_library(name) for name in survey.band_names], self.settings)
        self._backend = make_backend(backend, self.plan, self.settings)
        self._radius2 = None if profile is None else _radius_table(profile)
        self._faint = np.array(
            [_faint_row(band, survey.psf_library(band.name)) for band in survey.bands], dtype=np.float32
        ).T

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    @property
    def arrays(self) -> Any:
        """The module of the arrays that it makes: NumPy, or CuPy with backend "cuda"."""
        return self._backend.arrays

    def on(self, backend: str) -> Renderer:
        """The same renderer on another backend. Raises ``MissingBackend`` if it cannot work here."""
        return Renderer(self.survey, self.size, backend, settings=self.settings, profile=self._profile)

    def render(
        self,
        params: ClusterParams,
        *,
        seed: int,
        first: int = 0,
        indices: ArrayLike | None = None,
        out: Any = None,
        log_mass_out: Any = None,
    ) -> Any:
        """Images of ``n`` clusters.

        Args:
            params: of the clusters.
            seed: 0 to 2**64 - 1.
            first: index within the run of the first cluster; the others follow.
            indices: [n] the clusters' indices, instead of ``first``.
            out: float32 [n, band, y, x], contiguous, writable, in the backend's memory: any DLPack array (NumPy, torch,
                CuPy), filled in place.
            log_mass_out: float64 [n] likewise, filled with log10 of the mass of the stars really formed, Msun.

        Returns:
            ``out``, or a new array: NumPy's, or CuPy's with backend "cuda". There the work is given to CuPy's current
            stream, and nothing waits for it.

        Raises:
            InvalidInput: parameters outside the stellar table, or an array of the wrong kind.
        """
        clusters = self._clusters(params, seed, first, indices)
        shape = (len(params), len(self.survey.bands), self.size, self.size)
        arrays = self._backend.arrays
        out = self._out("out", out, shape)
        log_mass = None if log_mass_out is None else self._out("log_mass_out", log_mass_out, (len(params),), "float64")
        total_mass = arrays.empty(len(params))
        self._backend.render(self.populations.arrays(), clusters, out, total_mass)
        if log_mass is not None:
            log_mass = log_mass if isinstance(log_mass, arrays.ndarray) else arrays.from_dlpack(log_mass)
            with np.errstate(divide="ignore"):  # a cluster of no stars has log10(0)
                arrays.log10(total_mass, out=log_mass)
        return out

    def fill(
        self,
        images: Any,
        params: ClusterParams | None,
        lists: StarLists,
        rows: NDArray[np.integer],
        *,
        seed: int,
        indices: ArrayLike,
    ) -> Any:
        """Draws clusters and star lists into some of a batch's images; the others are left as they are.

        Args:
            images: float32 [n, band, y, x] to fill, as ``out`` of ``render``.
            params: of the clusters; None without any.
            lists: of stars.
            rows: [clusters + lists] the image of each, clusters first.
            seed, indices: as in ``render``.

        Returns:
            The mass of the stars really formed, Msun, float64 [clusters] in the backend's memory.

        Raises:
            InvalidInput: as ``render``, or rows that are not the images' or not one for each.
        """
        clusters = None if params is None else self._clusters(params, seed, 0, indices)
        n, rows = 0 if clusters is None else clusters.index.size, np.asarray(rows, dtype=np.int32)
        count = getattr(images, "shape", (0,))[0]
        images = self._out("images", images, (count, len(self.survey.bands), self.size, self.size))
        if rows.shape != (n + len(lists),) or (rows < 0).any() or (rows >= count).any():
            raise InvalidInput(f"rows: {rows.tolist()}; {n + len(lists)} of 0 to {count - 1} are allowed")
        self._check_psf(lists.psf)
        total_mass = self._backend.arrays.empty(n)
        self._backend.draw_images(self.populations.arrays(), clusters, lists, rows, images, total_mass)
        return total_mass

    def stars(self, params: ClusterParams, index: int = 0, *, seed: int, first: int = 0) -> QTable:
        """The very stars of image ``index`` of ``render(params, seed=seed, first=first)``.

        Returns:
            x, y (pixels), mass (Msun; initial), and flux_<band> (electron / s; 0 for dead stars), one row a star. With
            a ``faint_fraction`` it holds those drawn one by one; ``meta["smooth_flux"]`` is the light of the rest. A
            cluster with a ``binary_fraction`` has the column companion_mass (Msun; 0 for single stars) too: ``mass`` is
            the primary's then, the flux that of both. ``meta["psf"]`` is the number of the kernel.
        """
        if not 0 <= index < len(params):
            raise InvalidInput(f"index: {index}; 0 to {len(params) - 1} is allowed")
        clusters = self._clusters(params, seed, first, None)
        (x, y, mass, companion), flux, smooth = self._backend.stars(self.populations.arrays(), clusters, index)
        table = QTable({"x": x * units.pixel, "y": y * units.pixel, "mass": mass * units.Msun})
        if params.binary_fraction is not None and params.binary_fraction[index] > 0:
            table["companion_mass"] = companion * units.Msun
        for band, name in enumerate(self.survey.band_names):
            table[f"flux_{name}"] = flux[:, band] * (units.electron / units.s)
        table.meta["psf"] = int(clusters.psf[index])
        table.meta["smooth_flux"] = dict(zip(self.survey.band_names, smooth.tolist(), strict=True))
        return table

    def draw(self, x: ArrayLike, y: ArrayLike, flux: ArrayLike, out: Any = None, *, psf: int = 0) -> Any:
        """Image of an explicit star list.

        Args:
            x, y: [n_star] pixels; stars outside the frame leave what of their light falls into it. With backend "cuda"
                all three may be arrays on the device (CuPy, torch), whose values are not looked at.
            flux: [n_star, band] e-/s.
            out: float32 [band, y, x] to fill, as in ``render``.
            psf: number of the kernel in the survey's library.

        Returns:
            ``out``, or a new array [band, y, x], as ``render``.

        Raises:
            InvalidInput: arrays of different length, no such kernel, or values that are not finite.
        """
        x, y, flux = self._columns({"x": x, "y": y, "flux": flux})
        n_band = len(self.survey.bands)
        if x.ndim != 1 or x.shape != y.shape or flux.shape != (x.size, n_band):
            raise InvalidInput(
                f"x, y, flux: shapes {x.shape}, {y.shape}, {flux.shape}; [n], [n] and [n, {n_band}] are allowed"
            )
        self._check_psf(np.array([psf]))
        out = self._out("out", out, (n_band, self.size, self.size))
        self._backend.draw(x, y, flux, int(psf), out)
        return out

    def _columns(self, columns: dict[str, Any]) -> list[Any]:
        """Columns of a star list as the kernels read them, on the device if they were there."""
        there = [is_on_gpu(value) for value in columns.values()]
        if any(there) and (not all(there) or self.arrays is np):
            where = ", ".join(f"{name} {'on a GPU' if t else 'not'}" for name, t in zip(columns, there, strict=True))
            raise InvalidInput(f"x, y, flux: {where}; all or none, with backend 'cuda', are allowed")
        dtypes = (np.float64, np.float64, np.float32)
        if any(there):
            own = self._backend.own
            return [
                self.arrays.ascontiguousarray(own(v), dtype=d) for v, d in zip(columns.values(), dtypes, strict=True)
            ]
        return [finite(name, value, d) for (name, value), d in zip(columns.items(), dtypes, strict=True)]

    def _out(self, name: str, array: Any, shape: tuple[int, ...], dtype: str = "float32") -> Any:
        """``array`` if the backend can fill it, a new one if it is None."""
        arrays = self._backend.arrays
        if array is None:
            return arrays.empty(shape, dtype=dtype)
        return check_out(name, array, shape, dtype, on_gpu=arrays is not np)

    def psf_numbers(self, indices: ArrayLike, *, seed: int) -> NDArray[np.int32]:
        """Number of the kernel that each cluster of a run is drawn with unless its parameters say so, [n].

        Any of the library with equal probability, as a function of (seed, index of the cluster) alone.
        """
        index = np.asarray(indices, dtype=np.int64)
        count = self.survey.psf_count
        if count == 1:
            return np.zeros(index.size, dtype=np.int32)
        words = random_words(check_seed(seed), PSF_STREAM, index, columns=1)[:, 0]
        return (words % np.uint64(count)).astype(np.int32)

    def _check_psf(self, numbers: NDArray[Any]) -> NDArray[np.int32]:
        count = self.survey.psf_count
        if (bad := (numbers < 0) | (numbers >= count)).any():
            raise InvalidInput(f"psf: {numbers[bad][0]:g}; the survey's library has the kernels 0 to {count - 1}")
        return numbers.astype(np.int32)

    def _clusters(self, params: ClusterParams, seed: int, first: int, indices: ArrayLike | None) -> ClusterColumns:
        n = len(params)
        index = (
            np.arange(first, first + n, dtype=np.int64)
            if indices is None
            else np.ascontiguousarray(indices, dtype=np.int64)
        )
        if index.shape != (n,):
            raise InvalidInput(f"indices: shape {index.shape}; ({n},) is allowed")
        middle = np.full(n, (self.size - 1) / 2)
        x, y = (middle if v is None else v for v in (params.x, params.y))
        half_light = 10.0**params.log_rh / self.survey.pixel_scale
        binaries, mean_mass = self.survey.binaries, self.populations.mean_mass
        scale = Eff(params.gamma).scale_radius(half_light) if self._radius2 is None else half_light
        return ClusterColumns(
            seed=check_seed(seed),
            index=index,
            population=self.populations.rows(params.log_age, params.metallicity),
            mean_count=10.0**params.log_mass / mean_mass * systems_per_star(params, binaries.mean_q),
            shape=np.ascontiguousarray([params.a_v, x, y, scale, 2.0 / (params.gamma - 2.0)], dtype=np.float32),
            psf=self.psf_numbers(index, seed=seed) if params.psf is None else self._check_psf(params.psf),
            radius2=self._radius2,
            faint_fraction=self.settings.faint_fraction,
            faint=np.ascontiguousarray(self._faint),
            variety=variety_rows(params),
            law=np.array([*binaries.inverse, mean_mass], dtype=np.float32),
        )


def _faint_row(band: Band, psfs: Sequence[Psf]) -> tuple[float, float, float]:
    """Variance of a dark pixel in (e-/s)^2, exposure in s, share of a star's light in the pixel it is centred on."""
    variance = (band.sky * band.exposure + band.read_noise**2) / band.exposure**2
    return variance, band.exposure, max(float(psf.image.max()) for psf in psfs)


def _radius_table(profile: King | Uniform) -> NDArray[np.float32]:
    native = load_native()
    if native is not None and native.RADIUS_NODES != RADIUS_NODES:
        raise RuntimeError(
            f"extension built for {native.RADIUS_NODES} radius nodes, package expects {RADIUS_NODES}: reinstall"
        )
    return (profile.radius(np.linspace(0.0, 1.0, RADIUS_NODES)) ** 2).astype(np.float32)
