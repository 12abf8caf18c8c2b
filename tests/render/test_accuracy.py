"""Accuracy on request: what was asked for, and what the plan predicts, against the dense sum in many settings.

Errors are over the peak of the image and of its surroundings as far as stars are drawn. Whatever is drawn must meet the
tolerance; and, as one chooses a tolerance by what one can afford, the plan's prediction must not promise too much.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import yaml
from scipy.signal import fftconvolve

import clustercnn as cc
from clustercnn.errors import InvalidInput
from clustercnn.render import RenderSettings
from clustercnn.render.backends import load_native

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
INSTRUCTION_SETS = ("portable", "avx2", "avx512")
MARGIN = 31  # pixels: more than any kernel's reach here, so that light of stars outside has its peak in the wide frame


def exact_star(survey, size, x, y, flux):
    """[band, y, x] of the frame and MARGIN pixels around it: one star, each pixel's sum over the kernel's samples."""
    pixel, images = np.arange(-MARGIN, size + MARGIN), []
    for band, name in enumerate(survey.band_names):
        psf = survey.psf(name)
        sample = np.arange(psf.image.shape[0]) - (psf.image.shape[0] - 1) / 2
        along_x, along_y = (np.sinc(psf.oversample * (pixel[:, None] - at) - sample) for at in (x, y))
        images.append(float(flux[band]) * (along_y @ psf.image @ along_x.T))
    return np.stack(images)


def exact_wide(survey, size, x, y, flux):
    """[band, y, x] of the frame and MARGIN pixels around it, by a float64 sum of which no term is left out.

    Pixel i of a kernel sampled s times a pixel sees star x through sinc(s (i - x) - j), which depends on s i - j alone:
    stars are summed on that lattice first, and the lattice is convolved with the kernel's samples.
    """
    images = []
    for band, name in enumerate(survey.band_names):
        psf = survey.psf(name)
        half, s = (psf.image.shape[0] - 1) // 2, psf.oversample
        node = np.arange(-half - s * MARGIN, s * (size - 1 + MARGIN) + half + 1)
        along_x, along_y = (np.sinc(node[:, None] - s * np.asarray(at)) for at in (x, y))
        lattice = (along_y * flux[:, band].astype(np.float64)) @ along_x.T
        images.append(fftconvolve(lattice, psf.image, mode="valid")[::s, ::s])
    return np.stack(images)


def error(image, wide):
    """Largest error over the peak, in the worst band."""
    inside = wide[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return (np.abs(image - inside).max(axis=(1, 2)) / wide.max(axis=(1, 2))).max()


class Judge:
    """A star list, or many single stars, with their exact images."""

    def __init__(self, survey, size, x, y, flux, *, singly=False):
        self.stars = x, y, flux
        self.lists = [np.s_[i : i + 1] for i in range(x.size)] if singly else [np.s_[:]]
        each = (exact_star(survey, size, *star) for star in zip(x, y, flux, strict=True))
        self.exact = list(each) if singly else [exact_wide(survey, size, x, y, flux)]

    def __call__(self, renderer):
        """Asserts that the renderer keeps to its tolerance and to its plan; gives the largest error."""
        x, y, flux = self.stars
        errors = [error(renderer.draw(x[i], y[i], flux[i]), e) for i, e in zip(self.lists, self.exact, strict=True)]
        what = renderer.settings, renderer.plan.error, max(errors)
        assert max(errors) <= renderer.plan.error <= renderer.settings.tolerance, what
        return max(errors)


def anywhere(rng, size, n, bands=3, decades=6.0):
    """Stars in the frame and as far around it as light comes from, over that many decades of brightness."""
    x, y = rng.uniform(-30, size + 29, (2, n))
    return x, y, (10.0 ** rng.uniform(-decades / 2, decades / 2, (n, bands))).astype(np.float32)


def inside(rng, size, n, bands=3):
    """Stars of unit flux at random places within their pixels."""
    x, y = rng.uniform(0, size - 1, (2, n))
    return x, y, np.ones((n, bands), np.float32)


def instruction_sets():
    """Those of this machine."""
    return INSTRUCTION_SETS[: INSTRUCTION_SETS.index(load_native().best_instruction_set()) + 1]


@pytest.fixture(scope="module", params=[24, pytest.param(400, marks=pytest.mark.slow)])
def judges(request, survey):
    """Single stars and a list."""
    rng = np.random.default_rng(request.param)
    return [
        Judge(survey, 32, *inside(rng, 32, request.param), singly=True),
        Judge(survey, 32, *anywhere(rng, 32, 10 * request.param)),
    ]


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_every_tolerance_with_every_number_of_taps(make_renderer, judges, tolerance):
    """What cannot be met is refused, and says so; no more taps than some that suffice are refused."""
    refused = []
    for taps in range(2, 9):
        try:
            renderer = make_renderer("cpp", 32, tolerance=tolerance, taps=taps)
        except InvalidInput as refusal:
            refused.append((taps, str(refusal)))
            continue
        assert renderer.plan.window.taps == taps
        for judge in judges:
            judge(renderer)
    sentence = "tolerance: {:g} cannot be met with {} taps for kernels as sharp as these"
    assert refused == [(taps, sentence.format(tolerance, taps)) for taps in range(2, 2 + len(refused))]
    # two taps are never enough for a kernel with light near the pixels' Nyquist frequency; eight are for all of these
    assert 1 <= len(refused) <= 6


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_every_instruction_set(make_renderer, judges, name):
    """Each to its tolerance. A smaller one is a smaller error: requests are not kept by always doing one's best."""
    if name not in instruction_sets():
        pytest.skip(f"this machine has no {name}")
    found = []
    for tolerance in (1e-2, 1e-4, 1e-6):
        renderer = make_renderer("cpp", 32, tolerance=tolerance, instruction_set=name)
        found.append(max(judge(renderer) for judge in judges))
    assert all(small < large for large, small in itertools.pairwise(found)), found


def gaussian(oversample, sigma, radius=14, shift=(0.0, 0.0)):
    """A kernel's array: a Gaussian of that standard deviation, in pixels, perhaps off its centre."""
    grid = np.arange(-radius * oversample, radius * oversample + 1) / oversample
    return np.exp(-0.5 * np.add.outer((grid - shift[0]) ** 2, (grid - shift[1]) ** 2) / sigma**2)


def lopsided(oversample, scale=1.0, radius=14):
    """A ridge and a spot beside a broad halo: neither symmetric nor centred; ``scale`` stretches it."""
    grid = np.arange(-radius * oversample, radius * oversample + 1) / oversample
    along, across = grid[:, None] / scale, grid / scale
    ridge = np.exp(-0.5 * ((along - 0.6 * across) ** 2 / 0.8 + (across + 1.2) ** 2 / 2.0))
    spot = gaussian(oversample, 0.65 * scale, radius, (2.3 * scale, -1.7 * scale))
    return ridge + 0.7 * spot + 0.02 * gaussian(oversample, 4.0, radius)


# An array describes a kernel only if it samples it finely enough: with 1.8 samples to a standard deviation a Gaussian
# holds 1e-7 at the highest frequency. With fewer the sinc interpolant rings on beyond the array, where none is drawn.
KERNELS = {
    "narrow": cc.Psf(gaussian(5, 0.37), 5),
    "wide": cc.Psf(gaussian(2, 3.0, 28), 2),
    "lopsided": cc.Psf(lopsided(3, 1.2), 3),
    "one sample a pixel": cc.Psf(gaussian(1, 1.9), 1),
    "one sample, lopsided": cc.Psf(lopsided(1, 3.5, 28), 1),
    "two samples": cc.Psf(gaussian(2, 0.95), 2),
    "five samples": cc.Psf(lopsided(5), 5),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels(kernel):
    rng, of = np.random.default_rng(3), survey_of(1).with_psfs({"B0": KERNELS[kernel]})
    judges = [Judge(of, 32, *inside(rng, 32, 24, 1), singly=True), Judge(of, 32, *anywhere(rng, 32, 200, 1))]
    for tolerance in (1e-2, 1e-4, 1e-6):
        renderer = cc.Renderer(of, 32, "cpp", settings=RenderSettings(tolerance=tolerance))
        for judge in judges:
            judge(renderer)


def test_kernels_of_all_kinds_side_by_side(survey):
    """Bands whose kernels reach, turn and are sampled each in its own way."""
    rng = np.random.default_rng(4)
    for names in (("narrow", "wide", "lopsided"), ("one sample a pixel", "five samples", "wide")):
        of = survey.with_psfs(dict(zip(survey.band_names, (KERNELS[name] for name in names), strict=True)))
        judge = Judge(of, 40, *anywhere(rng, 40, 200))
        for tolerance in (1e-3, 1e-6):
            judge(cc.Renderer(of, 40, "cpp", settings=RenderSettings(tolerance=tolerance)))


def survey_of(bands):
    """A survey of that many bands, each with its own kernel."""
    given = yaml.safe_load(
        """
        {name: many, pixel_scale: 0.04, distance_modulus: 28.3, metallicity: [0.02, 0.02], extinction_law: CCM89,
         imf: {name: kroupa, low: 0.08, high: 120.0}}
        """
    )
    band = {"filter": "WFC3_UVIS_F438W", "zero_point": None, "exposure": 1000.0, "read_noise": 3.0, "sky": 0.01}
    band |= {"a_milky_way": 0.0, "psf": {"wavelength": 4326.5, "bandwidth": 618.0}}
    names = [f"B{i}" for i in range(bands)]
    kernels = (cc.Psf(gaussian(4, 0.6 + 0.1 * i, 12, (0.2 * i, 0.1)), 4) for i in range(bands))
    return cc.Survey.from_dict(given | {"bands": dict.fromkeys(names, band)}).with_psfs(
        dict(zip(names, kernels, strict=True))
    )


@pytest.mark.parametrize("bands", [1, 2, pytest.param(4, marks=pytest.mark.slow), 8])
def test_numbers_of_bands(bands):
    """The bands of a star lie side by side on the grid, so that their number changes which vectors it falls on."""
    of, rng = survey_of(bands), np.random.default_rng(bands)
    judge = Judge(of, 33, *anywhere(rng, 33, 150, bands))
    judge(cc.Renderer(of, 33, "cpp", settings=RenderSettings(tolerance=1e-6)))
    for name in instruction_sets():
        judge(cc.Renderer(of, 33, "cpp", settings=RenderSettings(instruction_set=name)))


@pytest.mark.parametrize("size", [16, 31, 64, 200, pytest.param(512, marks=pytest.mark.slow)])
def test_frame_sizes(survey, make_renderer, size):
    judge = Judge(survey, size, *anywhere(np.random.default_rng(size), size, 300))
    for tolerance in (1e-3, 1e-6):
        judge(make_renderer("cpp", size, tolerance=tolerance))


@pytest.mark.parametrize("n", [1, 10, 10_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_numbers_of_stars(survey, make_renderer, n):
    """Rounding must not add up over stars that share cells: six decades of brightness, most of them in a few pixels.

    In single precision a sum loses of each star on average b = 0.025 of its last digit, 2**-24, if fluxes spread evenly
    in log: what is below half a digit is lost, and what is rounded up does not make up for it. Stars fall on 2 pi 4**2
    pixels of 11 cells and touch 64, so that a cell in the middle gets light of one in 18. Its sum grows all the while:
    half of 200,000 / 18 * b * 2**-24 = 8e-6 of it is lost, all that 1e-5 allows. So this is asked of 10,000 stars.
    """
    rng = np.random.default_rng(n)
    x, y = rng.normal(15.5, 4.0, (2, n))
    flux = (10.0 ** (rng.uniform(-2, 2, (n, 1)) + rng.uniform(-1, 1, (n, 3)))).astype(np.float32)
    chunk = 10_000
    parts = [np.s_[i : i + chunk] for i in range(0, n, chunk)]
    wide = sum(exact_wide(survey, 32, x[p], y[p], flux[p]) for p in parts)
    for tolerance in (1e-3, 1e-5, 1e-6) if n <= 10_000 else (1e-3, 1e-6):
        renderer = make_renderer("cpp", 32, tolerance=tolerance)
        assert error(renderer.draw(x, y, flux), wide) <= renderer.plan.error


@pytest.mark.parametrize(
    ("tolerance", "colour"), [(1e-3, 1e4), pytest.param(1e-5, 1e2, marks=pytest.mark.slow), (1e-6, 1e4)]
)
def test_a_faint_band_beside_a_bright_one(survey, make_renderer, tolerance, colour):
    """Bands share transforms: the rounding of a bright one falls on a faint one, whose error is over its own peak.

    Measured, 1e-8 of the bright band's peak in single precision, a sixth of a last digit. The tenth of a tolerance that
    plans leave to rounding so allows a ratio of tolerance / 1e-7: 1e4 (10 mag) at 1e-3, 1e2 (5 mag) at 1e-5.
    """
    x, y, flux = inside(np.random.default_rng(1), 32, 6)
    for faint in range(3):
        unequal = flux.copy()
        unequal[:, faint] /= colour
        judge = Judge(survey, 32, x, y, unequal, singly=True)
        for name in instruction_sets():
            judge(make_renderer("cpp", 32, tolerance=tolerance, instruction_set=name))


def test_edges_and_outside(survey, make_renderer):
    """On the frame's edge, a hair beside it, where light ceases to reach it, and beyond; each star by itself.

    A kernel's interpolant has sinc tails beyond its array, which is as far as stars are drawn: about 1e-7 of its peak
    for kernels that are brought to zero as these are.
    """
    reach, hair = survey.psf("F814W").radius, 1e-6
    low = [-reach - 2, -reach - hair, -reach, -reach + hair, -reach / 2, -1.0, -0.5, 0.0, hair]
    places = np.array([*low, 15.3, *(31 - v for v in low)])
    x, y = (v.ravel() for v in np.meshgrid(places, [-0.5, 31 + reach - hair]))
    judge = Judge(survey, 32, x, y, np.ones((x.size, 3), np.float32), singly=True)
    for tolerance in (1e-2, 1e-4, 1e-6):
        judge(make_renderer("cpp", 32, tolerance=tolerance))


def test_stars_far_away_leave_nothing(make_renderer):
    """Beyond the kernel's reach a star is not drawn, however bright, and spoils nothing of those that are."""
    renderer = make_renderer("cpp", 32)
    x, y, flux = inside(np.random.default_rng(8), 32, 20)
    image = renderer.draw(x, y, flux)
    far = np.array([1e3, -1e9, 1e300, 15.0, -200.0])
    other = renderer.draw(
        np.concatenate([x, far]), np.concatenate([y, far[::-1]]),
        np.concatenate([flux, np.full((5, 3), 1e30, np.float32)]),
    )  # fmt: skip
    np.testing.assert_array_equal(image, other)


@pytest.mark.parametrize("taps", [4, 8])
def test_loops_with_forced_taps(survey, taps):
    """The fallback keeps to the same plans."""
    judge = Judge(survey, 16, *anywhere(np.random.default_rng(taps), 16, 100))
    judge(cc.Renderer(survey, 16, "numba", settings=RenderSettings(tolerance=1e-3, taps=taps)))
