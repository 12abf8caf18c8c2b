"""Figure of mock stamps: each band and their colour picture, beside what the cluster is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.plots_style import figure, saving

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["colour_picture", "plot_stamps"]


def plot_stamps(
    images: NDArray[Any],
    labels: NDArray[Any],
    path: Path,
    *,
    bands: tuple[str, ...],
    pixel_scale: float,
    log_snr: NDArray[Any] | None = None,
) -> None:
    """One row per stamp: every band in arcsinh scaling, a colour picture, and the truth in words.

    Args:
        images: [n, band, y, x] in e-/s.
        labels: [n, 4]; a row of NaN is a stamp without a cluster.
        path: PNG to write.
        bands: their names.
        pixel_scale: arcsec, for the scale bar.
        log_snr: [n] log10 S/N, added to the words when given.
    """
    n, shown = len(images), len(bands) + (len(bands) >= 2)
    ratios = [1.0] * shown + [1.15]
    made, axes = figure(
        n, shown + 1, width=1.5 * sum(ratios), height=1.5 * n + 0.3, gridspec_kw={"width_ratios": ratios}
    )
    with saving(path, made):
        made.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
        for row in range(n):
            for k, band in enumerate(bands):
                _stamp(axes[row, k], images[row, k])
                if row == 0:
                    axes[row, k].set_title(band)
            if shown > len(bands):
                axes[row, shown - 1].imshow(colour_picture(images[row]), origin="lower", interpolation="nearest")
                if row == 0:
                    axes[row, shown - 1].set_title("colour")
            for panel in axes[row, :shown]:
                panel.set(xticks=[], yticks=[])
            _words(axes[row, shown], labels[row], None if log_snr is None else log_snr[row])
        _scale_bar(axes[0, 0], images.shape[-1], pixel_scale)


def colour_picture(image: NDArray[Any], *, like: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """A colour picture [y, x, 3] in 0-1 of one stamp [band, y, x]: reddest band red, bluest blue.

    Each band is scaled to its own noise first, then all share one arcsinh stretch that keeps the colours (Lupton et
    al. 2004, PASP 116, 133). Bands are in order of wavelength, as in a survey. Noise, sky and stretch are those of the
    stamp ``like``, if it is given: pictures that are to be compared.
    """
    like = image if like is None else like
    sky, noise = np.median(like, axis=(1, 2))[:, None, None], _noise(like)[:, None, None]
    order = np.linspace(len(image) - 1, 0, 3).round().astype(int)
    rgb = ((image - sky) / noise)[order]  # red, green, blue
    mean = np.clip(rgb.mean(axis=0), 1e-6, None)
    rgb = 0.25 * mean + 0.75 * rgb  # single-band noise would shine in pure colours
    top = max(float(np.quantile(((like - sky) / noise)[order].mean(axis=0), 0.999)), 20.0)
    stretched = np.arcsinh(mean / 3.0) / np.arcsinh(top / 3.0)
    picture = np.clip(rgb, 0.0, None) * (stretched / mean) + 0.04
    brightest = np.maximum(picture.max(axis=0), 1.0)
    return np.moveaxis(picture / brightest, 0, -1)


def _noise(image: NDArray[Any]) -> NDArray[np.float64]:
    """Robust pixel noise of each band [band], never zero."""
    centred = image - np.median(image, axis=(1, 2), keepdims=True)
    sigma = 1.4826 * np.median(np.abs(centred), axis=(1, 2))
    return np.where(sigma > 0, sigma, np.maximum(image.std(axis=(1, 2)), 1e-12))


def _stamp(panel: Axes, plane: NDArray[Any]) -> None:
    """One band, arcsinh above its noise, black on white as astronomers print it."""
    sigma = _noise(plane[None])[0]
    scaled = np.arcsinh((plane - np.median(plane)) / (2.0 * sigma))
    panel.imshow(
        scaled, cmap="gray_r", vmin=-1.0, vmax=max(float(scaled.max()), 3.0), origin="lower", interpolation="nearest"
    )


def _words(panel: Axes, label: NDArray[Any], log_snr: float | None) -> None:
    panel.axis("off")
    if np.isfinite(label).all():
        log_age, log_mass, a_v, log_rh = (float(v) for v in label)
        lines = [
            f"age {_years(10.0**log_age)}",
            f"mass {_power(10.0**log_mass)} $M_\\odot$",
            f"$A_V$ {a_v:.2f} mag",
            f'$r_h$ {10.0**log_rh:.3f}"',
        ]
        if log_snr is not None and np.isfinite(log_snr):
            snr = 10.0 ** float(log_snr)
            lines.append(f"S/N {snr:.0f}" if snr >= 10 else f"S/N {snr:.1f}")
    else:
        lines = ["no cluster"]
    panel.text(
        0.06, 0.5, "\n".join(lines), va="center", ha="left", transform=panel.transAxes, fontsize=9, linespacing=1.4
    )


def _years(age: float) -> str:
    return f"{age / 1e9:.1f} Gyr" if age >= 1e9 else f"{age / 1e6:.3g} Myr"


def _power(value: float) -> str:
    exponent = int(np.floor(np.log10(value)))
    return f"${value / 10**exponent:.1f} \\times 10^{{{exponent}}}$"


def _scale_bar(panel: Axes, size: int, pixel_scale: float) -> None:
    length = 0.5 if size * pixel_scale < 4 else 1.0  # arcsec
    x = 0.08 * size
    panel.plot([x, x + length / pixel_scale], [0.08 * size] * 2, color="black", lw=2, solid_capstyle="butt")
    panel.text(x, 0.12 * size, f'{length:g}"', fontsize=7, color="black")
