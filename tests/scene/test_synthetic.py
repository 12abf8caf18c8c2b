from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.physics import Imf, StellarTable
from clustercnn.scene import FieldSettings, synthetic_field
from clustercnn.scene.associations import REACH, clumped_offsets, group_masses
from clustercnn.scene.confusers import COLUMNS, StarPool
from clustercnn.scene.contaminants import BackgroundGalaxies, ForegroundStars
from clustercnn.scene.disc import Disc
from clustercnn.scene.galaxies import POINTS
from clustercnn.scene.population import age_bins, pixel_parsec, reddened, star_formation_history

PLAIN = {"a_v": (0.0, 0.0), "foreground": 0.0, "galaxies": 0.0, "surface_brightness": (21.0, 21.0)}


def test_same_seed_same_field(survey, field):
    settings = FieldSettings(surface_brightness=(21.5, 21.5))
    again = synthetic_field(survey, 160, seed=3, settings=settings, threads=2)
    np.testing.assert_array_equal(field.data, again.data)
    other = synthetic_field(survey, 160, seed=3, index=1, settings=settings)
    assert not np.array_equal(field.data, other.data)


def test_a_field_is_light_without_noise(survey, field):
    assert field.data.shape == (3, 160, 160)
    assert field.data.dtype == np.float32
    assert (field.data > 0).all()
    assert field.valid.all()
    assert not field.noisy
    assert field.bands == survey.band_names


def test_surface_brightness_is_the_one_asked_for(survey):
    # Without dust of its own. The light of the drawn stars scatters: its bright end, some hundred young stars, by about
    # 5 % in 256 x 256 pixels; the mass of the groups by more: they are left out. The mean of three fields; 0.15 mag is
    # about 4 sigma. F438W is the reference band
    settings = FieldSettings(**PLAIN, grouped=0.0)
    rates = [synthetic_field(survey, 256, seed=k, settings=settings).data[1].mean() for k in range(3)]
    band = survey.bands[1]
    magnitude = band.zero_point - band.a_milky_way - 2.5 * np.log10(np.mean(rates) / survey.pixel_scale**2)
    assert magnitude == pytest.approx(21.0, abs=0.15)


def test_drawn_and_smooth_light_add_up(survey):
    """A cut only moves light between the two: drawn stars and the smooth rest make the isochrone's total."""
    cut = np.array([0.02, 0.05, 0.1])
    for age_bin in age_bins(survey, np.array([7.0, 8.5, 9.8]), cut=cut):
        mass = 3e6
        flux, coefficients = age_bin.draw(np.random.default_rng(1), mass)
        assert (flux > 0.9 * cut).any(axis=1).all()  # interpolated between points above the cut and one just below
        assert coefficients.shape == (*flux.shape, 2)
        expected = (age_bin.total - age_bin.smooth) * mass
        scatter = np.sqrt(np.square(flux).sum(axis=0))  # of a Poisson number of stars
        # 4 sigma, and 2 % for interpolating between the points rather than taking the nearest
        assert (np.abs(flux.sum(axis=0) - expected) < 4 * scatter + 0.02 * expected).all()


def test_total_light_is_that_of_the_isochrone(survey):
    imf = Imf.by_name(**survey.imf)
    (age_bin,) = age_bins(survey, np.array([8.0]), cut=np.full(3, np.inf))
    isochrone = StellarTable.load().isochrone(8.0, sum(survey.metallicity) / 2, bands=[b.filter for b in survey.bands])
    zero = np.array([b.zero_point - b.a_milky_way for b in survey.bands])
    magnitude = zero - 2.5 * np.log10(age_bin.total)
    # two quadratures over the same points: within 0.01 mag
    np.testing.assert_allclose(magnitude, isochrone.integrated_magnitude(imf) + survey.distance_modulus, atol=0.01)
    np.testing.assert_allclose(age_bin.smooth, age_bin.total)


def test_history_is_constant_and_old(survey):
    log_ages, shares = star_formation_history(survey, old_fraction=0.4)
    assert shares.sum() == pytest.approx(1.0)
    young = log_ages < 9.7
    rate = shares[young] / (10 ** (log_ages[young] + 0.05) - 10 ** (log_ages[young] - 0.05))
    np.testing.assert_allclose(rate, rate[0])
    old = log_ages > 9.75
    years = 10 ** (log_ages + 0.05) - 10 ** (log_ages - 0.05)
    assert shares[old].sum() == pytest.approx(0.4 + 0.6 * years[old].sum() / years.sum())


def test_groups_take_their_share_of_the_young_stars_and_add_none(survey):
    """With all of the young stars in groups, or none, fields have the same ultraviolet light."""
    grouped, spread = (
        np.array(
            [
                synthetic_field(survey, 256, seed=k, settings=FieldSettings(**PLAIN, grouped=share)).data[0].mean()
                for k in range(5)
            ]
        )
        for share in (1.0, 0.0)
    )
    # groups hold stars below 30 Myr, a quarter of that light: without them the ratio is 0.73, with three times their
    # mass 1.41 (both tried). Single blue stars scatter it by a tenth, and double it in some fields: hence the median
    assert 0.8 < np.median(grouped / spread) < 1.25


def test_the_dust_has_the_depth_asked_for(survey):
    """Mean A_V over the field: what the clouds add to the lanes is the depth that was asked for."""

    def mean(depth):
        parsec = pixel_parsec(survey)
        return Disc(np.random.default_rng(1), (7, 0), 256, pixel_parsec=parsec, a_v=depth, threads=1).a_v.mean()

    for depth in (0.4, 1.2):
        assert mean(depth) - mean(0.0) == pytest.approx(depth, rel=1e-3)  # of sums in single precision


def test_dust_reddens(survey):
    settings = {"foreground": 0.0, "galaxies": 0.0, "surface_brightness": (21.0, 21.0)}
    clear, dusty = (
        synthetic_field(survey, 128, seed=5, settings=FieldSettings(**settings, a_v=(a, a))).data.sum(axis=(1, 2))
        for a in (0.0, 1.0)
    )
    loss = -2.5 * np.log10(dusty / clear)
    assert (loss > 0).all()
    assert loss[0] > loss[1] > loss[2]


def test_reddening_follows_the_quadratic_law():
    factor = reddened(np.array([[1.5, -0.1]]), np.array([2.0]))
    np.testing.assert_allclose(factor, 10 ** (-0.4 * (1.5 * 2 - 0.1 * 4)) * np.ones((1, 1)))


def test_groups_have_the_mass_asked_for():
    rng = np.random.default_rng(2)
    masses = group_masses(rng, 2e7)
    assert masses.min() >= 300
    assert masses.max() <= 3e4
    # sum of N masses of second moment 300 * 3e4: relative sigma sqrt(9e6 / (1396 * 2e7)) = 1.8 %; 5 sigma
    assert masses.sum() == pytest.approx(2e7, rel=0.09)


def test_groups_are_loose():
    rng = np.random.default_rng(3)
    dx, dy = clumped_offsets(rng, 4000, sigma=10.0)
    # half with sigma 10, half in 2 to 5 clumps whose centres scatter by 10 and whose sigma is 5
    assert 6 < np.hypot(dx.std(), dy.std()) / np.sqrt(2) < 15
    assert max(np.abs(dx).max(), np.abs(dy).max()) <= 10 * REACH


def test_groups_have_clumps():
    """Half of the stars sit in 2 to 5 clumps, k: groups' centroids scatter by 10 / 2 sqrt(1/k), smooth ones' do not."""
    rng = np.random.default_rng(3)
    centroids = np.array([np.mean(clumped_offsets(rng, 400, sigma=10.0), axis=1) for _ in range(300)])
    expected = np.sqrt(25 * np.mean([1 / k for k in (2, 3, 4, 5)]))
    # 600 numbers of known variance: to 1 / sqrt(1200) = 3 %, 4 sigma; the stars' own scatter adds 2 %
    assert centroids.std() == pytest.approx(expected, rel=0.14)


def test_contaminants_have_magnitudes_in_range(survey):
    rng = np.random.default_rng(4)
    stars = ForegroundStars(survey, density=300.0).draw(rng, (1024, 1024))
    zero = survey.bands[-1].zero_point
    magnitudes = zero - 2.5 * np.log10(stars.flux[:, -1])
    # 300 per square arcminute on 0.466 square arcminutes: 140 +- 12; 5 sigma
    assert 80 < len(magnitudes) < 200
    assert magnitudes.min() > 18
    assert magnitudes.max() < 25
    galaxies = BackgroundGalaxies(rng, survey, 512, density=50.0, a_v=lambda x, y: np.zeros_like(x))
    for number in range(3):
        points = galaxies.draw(np.random.default_rng(number), number)
        assert points.flux.shape == (len(points.x), 3)
        assert np.abs(points.x - galaxies.x[number]).max() <= galaxies.reach[number]
        assert np.abs(points.y - galaxies.y[number]).max() <= galaxies.reach[number]
        assert zero - 2.5 * np.log10(points.flux[:, -1].sum()) == pytest.approx(22.5, abs=2.5)  # the range is 20 to 25


def test_confusers_are_of_the_kinds_described(survey):
    rng, n = np.random.default_rng(5), 3000
    stars = StarPool(survey).draw(rng.random((n, COLUMNS)), size=64, psf=np.zeros(n, np.int32))
    assert (stars.flux > 0).all()
    assert len(stars.x) == len(stars.y) == len(stars.flux) == stars.first[-1]
    counts = np.diff(stars.first)
    kinds = [counts == 1, (counts == 2) | (counts == 3), (counts >= 5) & (counts <= 40), counts == POINTS]
    # binomial: 3000 / 4 +- 24; 5 sigma
    assert all(abs(kind.sum() - n / 4) < 119 for kind in kinds)
    single, blend, clump, _ = (np.flatnonzero(kind) for kind in kinds)
    x, y = stars.x[stars.first[single]], stars.y[stars.first[single]]
    assert np.abs(np.concatenate([x, y]) - 31.5).max() <= 4
    # offsets of sigma 1.2 within a pair: sqrt(2) 1.2 = 1.70 along x, known to 1 / sqrt(2 * 1000) = 2.2 %; 5 sigma
    apart = stars.x[stars.first[blend] + 1] - stars.x[stars.first[blend]]
    assert apart.std() == pytest.approx(1.2 * np.sqrt(2), rel=0.11)
    # a clump's sigma, 28 pc on average, is 28 pixels at 0.92 pc each, half of its stars in subgroups of half of it
    spread = [stars.x[a:b].std() for a, b in zip(stars.first[clump], stars.first[clump + 1], strict=True)]
    assert 12 < np.median(spread) < 40
    ages = np.log(stars.flux[:, 0] / stars.flux[:, 2])
    assert ages.std() > 0.3  # colours of several ages, behind several depths of dust


def test_ends_of_the_unit_interval_make_confusers(survey):
    pool = StarPool(survey)
    for value in (0.0, 1 - 2**-53):
        stars = pool.draw(np.full((2, COLUMNS), value), size=64, psf=np.zeros(2, np.int32))
        assert np.isfinite([stars.x, stars.y]).all()
        assert np.isfinite(stars.flux).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"surface_brightness": (22.0, 21.0)}, r"field.surface_brightness: \(22.0, 21.0\); 0 <= low <= high"),
        ({"a_v": (-1.0, 1.0)}, "field.a_v"),
        ({"grouped": 1.5}, "field.grouped: 1.5; 0 to 1"),
        ({"old_fraction": -0.1}, "field.old_fraction: -0.1; 0 to 1"),
        ({"foreground": -1.0}, "field.foreground: -1.0; a value >= 0"),
        ({"max_stars": 0.0}, "field.max_stars: 0.0; a value > 0"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(InvalidInput, match=message):
        FieldSettings(**settings)


def test_tiny_fields_are_refused(survey):
    with pytest.raises(InvalidInput, match="size: 32; at least 64"):
        synthetic_field(survey, 32, seed=1)


def test_a_field_across_tiles_and_chunks(survey):
    """Several chunks of maps: the same field for one thread and two, and no step where chunks or tiles meet."""
    settings = FieldSettings(surface_brightness=(21.0, 21.0), grouped=0.0, foreground=0.0, galaxies=0.0, star_snr=1e6)
    fields = [synthetic_field(survey, 1100, seed=7, settings=settings, threads=n).data for n in (1, 2)]
    np.testing.assert_array_equal(*fields)
    image = np.log(fields[0][2])  # with no star drawn, smooth light: the maps alone
    for axis in (0, 1):
        steps = np.median(np.abs(np.diff(image, axis=axis)), axis=1 - axis)
        # median of 1100 steps, of which some 100 are independent: each column's to 10 %; 5 sigma about the typical one
        assert steps[[255, 511, 767, 1023]].max() < 1.5 * np.median(steps)


def test_more_stars_same_light(survey):
    """Drawing fainter stars one by one moves light from the smooth part to stars, and no more."""
    few, many = [], []
    for snr, limit, into in ((1.0, 0.4, few), (0.05, 2.0, many)):
        settings = FieldSettings(**PLAIN, grouped=0.0, star_snr=snr, max_stars=limit)
        synthetic_field(survey, 256, seed=2, settings=settings, progress=lambda step, into=into: into.append(step))
        field = synthetic_field(survey, 256, seed=2, settings=settings)
        into.append(field.data[1].mean())
    assert many[-2].stars > 3 * few[-2].stars
    # the bright end scatters by 5 % in 256 x 256 pixels (see above) in each of the two; 4 sigma of the difference
    assert many[-1] == pytest.approx(few[-1], rel=0.3)


def test_a_field_fills_a_given_array(survey, field, tmp_path):
    settings = FieldSettings(surface_brightness=(21.5, 21.5))
    out = np.memmap(tmp_path / "field", dtype=np.float32, mode="w+", shape=field.data.shape)
    assert synthetic_field(survey, 160, seed=3, settings=settings, out=out).data is out
    np.testing.assert_array_equal(out, field.data)
    with pytest.raises(InvalidInput, match=r"out: float32 \(3, 160, 160\); floating-point numbers \(3, 128, 128\)"):
        synthetic_field(survey, 128, seed=3, settings=settings, out=out)
