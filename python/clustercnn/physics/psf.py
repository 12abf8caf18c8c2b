"""Point-spread functions: kernel arrays, from an optical model of the telescope or from a FITS file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.physics.checks import number
from clustercnn.physics.psf_files import read_kernels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["OpticalModel", "Psf"]

TAPER_PIXELS = 2.0  # detector pixels over which a kernel is brought to zero at its edge


@dataclass(frozen=True, eq=False)
class Psf:
    """What one star of unit flux leaves in a detector pixel centred at an offset: the pixel's response is included.

    The array is tapered to zero over its outer two pixels by half a cosine, so that no convention about the edge
    matters, and scaled to hold all the light: ``image.sum() / oversample**2 == 1``. Light that the real telescope
    throws beyond the array is thereby put inside (about 1 % outside a radius of 1.16 arcsec for WFC3/UVIS).

    Args:
        image: [k, k] with k odd, the centre in the middle, one sample every ``1 / oversample`` pixel.
        oversample: samples per detector pixel, 1 to 16.

    Raises:
        InvalidInput: not square, even, smaller than 5 pixels, not finite, or of zero or negative sum.
    """

    image: NDArray[np.float64]
    oversample: int

    def __post_init__(self) -> None:
        image = np.array(self.image, dtype=np.float64)
        if not isinstance(self.oversample, (int, np.integer)) or not 1 <= self.oversample <= 16:
            raise InvalidInput(f"oversample: {self.oversample!r}; a whole number from 1 to 16 is allowed")
        if image.ndim != 2 or image.shape[0] != image.shape[1] or image.shape[0] % 2 == 0:
            raise InvalidInput(
                f"image: shape {image.shape}; a square array of odd size is allowed, centre in the middle"
            )
        if image.shape[0] < 5 * self.oversample:
            width = image.shape[0] / self.oversample
            raise InvalidInput(f"image: {image.shape[0]} samples are {width:.1f} pixels; at least 5 pixels are needed")
        if not np.isfinite(image).all():
            raise InvalidInput(
                f"image: {(~np.isfinite(image)).sum()} values are not finite; a PSF must be finite everywhere"
            )
        image *= _taper(image.shape[0], TAPER_PIXELS * self.oversample)
        total = image.sum()
        if total <= 0:
            raise InvalidInput(f"image: the sum is {total:g}; a PSF must have a positive sum")
        image *= self.oversample**2 / total
        image.flags.writeable = False
        object.__setattr__(self, "image", image)

    @property
    def radius(self) -> float:
        """Half the width of the array, in detector pixels."""
        return (self.image.shape[0] - 1) / 2 / self.oversample

    @classmethod
    def from_fits(cls, path: str | Path, *, oversample: int | None = None, includes_pixel: bool = True) -> Psf:
        """Reads an oversampled kernel from the first two-dimensional image of a FITS file.

        Args:
            path: the file.
            oversample: samples per detector pixel; None reads it from the header (OVERSAMP, DET_SAMP, ...).
            includes_pixel: False if the file holds the light before it falls on pixels: the pixel's square response
                is then applied here.

        Raises:
            DataFileError: the file cannot be read, has no two-dimensional image, or does not say how it is sampled.
            InvalidInput: the array is not a kernel (see the class), or there are several.
        """
        found = cls.library_from_fits(path, oversample=oversample, includes_pixel=includes_pixel)
        if len(found) > 1:
            raise InvalidInput(
                f"{path}: holds {len(found)} kernels, one is wanted; Psf.library_from_fits reads them all"
            )
        return found[0]

    @classmethod
    def library_from_fits(
        cls, path: str | Path, *, oversample: int | None = None, includes_pixel: bool = True
    ) -> tuple[Psf, ...]:
        """Reads all kernels of a FITS file: those of a STDPSF, STScI's grid over a detector, or a single one.

        Arguments and errors are those of ``from_fits``; a STDPSF has 4 samples per pixel and includes the pixel.
        """
        images, oversample = read_kernels(path, oversample)
        found = []
        for k, image in enumerate(images):
            try:
                kernel = cls(image, oversample)
                # the class has looked at shape and sampling, which filtering takes for granted
                found.append(kernel if includes_pixel else cls(_box_filter(image, oversample), oversample))
            except InvalidInput as error:
                plane = f" (kernel {k + 1} of {len(images)})" if len(images) > 1 else ""
                raise InvalidInput(f"{path}: {error}{plane}") from error
        return tuple(found)


@dataclass(frozen=True)
class OpticalModel:
    """A reflecting telescope with a central obscuration and four vanes, imaged on pixels.

    Fraunhofer diffraction averaged over the band (a flat photon spectrum over a top hat), scattering by the mirrors'
    polishing errors, then charge diffusion and pointing jitter as one Gaussian, then the pixel's square response.
    Scattering is the mean effect of a Gaussian random wavefront (Ruze 1966, Proc. IEEE 54, 633): the optical transfer
    function at pupil separation s is multiplied by exp(-φ² (1 - exp(-s²/l²))), φ the rms phase, l the error's
    correlation length. Defaults are HST with WFC3/UVIS: 2.4 m aperture, 0.33 obscuration (Krist, Hook & Stoehr 2011,
    SPIE 8127, 81270J); scattering and blur reproduce the encircled energy of STScI's empirical F814W library PSF.

    Args:
        wavelength: the band's pivot wavelength, Angstrom.
        bandwidth: the band's width, Angstrom.
        pixel_scale: arcsec per pixel.
        blur: standard deviation of charge diffusion and jitter together, arcsec.
        wavefront: rms wavefront error of the polishing, m.
        correlation: its correlation length on the primary, m.
        defocus: rms wavefront error of focus, m; HST's secondary mirror makes 6.1e-9 for each um that it is out of
            place, and moves by some 3 um within an orbit (Di Nino et al. 2008, STScI report TEL 2008-03).
        aperture: diameter of the primary, m.
        obscuration: diameter of the central obscuration over that of the primary.
        vane: width of a vane over the radius of the primary.
        radius: half width of the kernel, pixels.
        oversample: samples per pixel.
    """

    wavelength: float
    bandwidth: float
    pixel_scale: float
    blur: float = 0.016
    wavefront: float = 45e-9
    correlation: float = 0.3
    defocus: float = 0.0
    aperture: float = 2.4
    obscuration: float = 0.33
    vane: float = 0.022
    radius: int = 29
    oversample: int = 4

    def __post_init__(self) -> None:
        for name in ("wavelength", "bandwidth", "pixel_scale", "correlation", "aperture"):
            object.__setattr__(self, name, number(getattr(self, name), name, above=0.0))
        for name, high in {"blur": np.inf, "wavefront": np.inf, "obscuration": 0.9, "vane": 0.9}.items():
            object.__setattr__(self, name, number(getattr(self, name), name, low=0.0, high=high))
        object.__setattr__(self, "defocus", number(self.defocus, "defocus"))
        for name, low, high in (("radius", 3, 512), ("oversample", 1, 16)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
                raise InvalidInput(f"{name}: {value!r}; a whole number from {low} to {high} is allowed")
        if self.bandwidth >= 2 * self.wavelength:
            raise InvalidInput(
                f"bandwidth: {self.bandwidth:g}; less than twice the wavelength, {self.wavelength:g}, is allowed"
            )

    def psf(self) -> Psf:
        """The kernel; equal models give the same object.

        Raises:
            InvalidInput: a value out of range, or the sampling is too coarse for the shortest wavelength.
        """
        shortest = (self.wavelength - self.bandwidth / 2) * 1e-10
        cutoff = self.aperture / shortest * np.deg2rad(self.pixel_scale / 3600)  # cycles per pixel
        if 2 * cutoff > self.oversample:
            raise InvalidInput(
                f"oversample: {self.oversample} per pixel; {shortest * 1e10:.0f} A needs at least {2 * cutoff:.1f}"
            )
        return _optical_psf(self)

    def _draw(self) -> Psf:
        # the light beyond the array is needed while blurring, so work on a wider one and cut at the end
        half = (self.radius + 6) * self.oversample
        waves = self.wavelength + self.bandwidth * (np.arange(9) - 4) / 9
        light = np.mean([self._diffraction(w * 1e-10, half) for w in waves], axis=0)
        light = _gaussian_filter(light, self.blur / self.pixel_scale * self.oversample)
        light = _box_filter(light, self.oversample)
        keep = slice(half - self.radius * self.oversample, half + self.radius * self.oversample + 1)
        return Psf(light[keep, keep], self.oversample)

    def _diffraction(self, wavelength: float, half: int) -> NDArray[np.float64]:
        """|Fourier transform of the pupil|^2 by a matrix product, normalised to the light that passes the pupil."""
        n = 384  # pupil cells across; well above the 2 * half * cutoff / oversample that aliasing asks for
        u = (np.arange(n) + 0.5) / n - 0.5
        uy, ux = np.meshgrid(u, u, indexing="ij")
        r = 2 * np.hypot(ux, uy)
        diagonal = np.minimum(np.abs(ux - uy), np.abs(ux + uy)) / np.sqrt(2)
        pupil = (r <= 1) & (r >= self.obscuration) & (diagonal >= self.vane / 4)
        angle = np.deg2rad(np.arange(-half, half + 1) * self.pixel_scale / self.oversample / 3600)
        phase = np.exp(-2j * np.pi * self.aperture / wavelength * np.outer(angle, u))
        focus = (r**2 - np.mean(r[pupil] ** 2)) / np.std(r[pupil] ** 2)
        amplitude = phase @ (pupil * np.exp(2j * np.pi * self.defocus / wavelength * focus)) @ phase.T
        # by Parseval's theorem the sum over all angles is then 1
        cell = (angle[1] - angle[0]) * self.aperture / wavelength / n
        return self._scatter(np.abs(amplitude) ** 2 * cell**2 / pupil.sum(), wavelength)

    def _scatter(self, light: NDArray[np.float64], wavelength: float) -> NDArray[np.float64]:
        n = 2 * light.shape[0]
        per_radian = np.fft.fftfreq(n) / np.deg2rad(self.pixel_scale / self.oversample / 3600)
        separation2 = np.add.outer(per_radian**2, per_radian**2) * wavelength**2
        phase2 = (2 * np.pi * self.wavefront / wavelength) ** 2
        transfer = np.exp(phase2 * np.expm1(-separation2 / self.correlation**2))
        return np.fft.ifft2(np.fft.fft2(light, (n, n)) * transfer).real[: light.shape[0], : light.shape[0]]


@lru_cache(maxsize=64)
def _optical_psf(model: OpticalModel) -> Psf:
    return model._draw()


def _taper(size: int, width: float) -> NDArray[np.float64]:
    inside = (size - 1) / 2 - np.abs(np.arange(size) - (size - 1) / 2)  # samples from the edge
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip(inside / width, 0.0, 1.0))
    return np.minimum.outer(ramp, ramp)


def _filter(image: NDArray[np.float64], transfer: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiplies both axes' frequencies by a transfer function, on a zero-padded array so that nothing wraps round."""
    size = image.shape[0]
    padded = transfer.size
    spectrum = np.fft.fft2(image, (padded, padded)) * np.outer(transfer, transfer)
    return np.fft.ifft2(spectrum).real[:size, :size]


def _gaussian_filter(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    f = np.fft.fftfreq(2 * image.shape[0])
    return _filter(image, np.exp(-2 * (np.pi * sigma * f) ** 2))


def _box_filter(image: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Average over a square of ``width`` samples: the response of a pixel, for a band-limited image exactly."""
    f = np.fft.fftfreq(2 * image.shape[0])
    return _filter(image, np.sinc(width * f))
