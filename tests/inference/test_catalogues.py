from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from astropy.wcs import WCS

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.inference import Catalogue, read_catalogue

RA, DEC = [204.25, 204.26], [-29.86, -29.87]
SEXAGESIMAL = (["13:37:00.0", "13h37m02.4s"], ["-29:51:36", "-29d52m12s"])


def write(folder, name, columns, **units):
    table = Table(columns)
    for column, unit in units.items():
        table[column].unit = unit
    path = folder / name
    formats = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits", ".txt": "ascii.commented_header"}
    table.write(path, format=formats[path.suffix])
    return path


@pytest.mark.parametrize("suffix", [".ecsv", ".csv", ".fits", ".txt"])
@pytest.mark.parametrize(
    ("ra", "dec"),
    [("ra", "dec"), ("RA", "DEC"), ("RAJ2000", "DEJ2000"), ("_RAJ2000", "_DEJ2000"), ("ALPHA_J2000", "DELTA_J2000"),
     ("ra_deg", "dec_deg"), ("Right_Ascension", "Declination"), ("RA_ICRS", "DE_ICRS")],
)  # fmt: skip
def test_sky_positions_in_any_spelling(tmp_path, suffix, ra, dec):
    found = read_catalogue(write(tmp_path, f"a{suffix}", {"mag": [20.0, 21.0], ra: RA, dec: DEC}))
    np.testing.assert_allclose(found.ra, RA)
    np.testing.assert_allclose(found.dec, DEC)
    assert found.x is None
    assert found.id.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("x", "y"), [("x", "y"), ("X", "Y"), ("xcentroid", "ycentroid"), ("x_centroid", "y_centroid"), ("x_pix", "y_pix")]
)
def test_pixels_in_any_spelling(tmp_path, x, y):
    path = write(tmp_path, "a.csv", {"ID": ["a", "b"], x: [1.0, 2.0], y: [3, 4]})
    found = read_catalogue(path)
    np.testing.assert_array_equal([found.x, found.y], [[1, 2], [3, 4]])
    assert found.id.tolist() == ["a", "b"]
    assert found.ra is None
    np.testing.assert_array_equal(read_catalogue(path, origin=1).x, [0, 1])


def test_sextractor_pixels_start_at_one(tmp_path):
    path = write(tmp_path, "a.csv", {"NUMBER": [7], "X_IMAGE": [1.0], "Y_IMAGE": [5.0]})
    found = read_catalogue(path)
    assert (found.id[0], found.x[0], found.y[0]) == (7, 0.0, 4.0)


def test_units_and_sexagesimal_text(tmp_path):
    hours = read_catalogue(write(tmp_path, "h.ecsv", {"ra": [13.6], "dec": [-0.5]}, ra="hourangle", dec="rad"))
    np.testing.assert_allclose([hours.ra[0], hours.dec[0]], [204.0, -np.rad2deg(0.5)])
    text = read_catalogue(write(tmp_path, "t.csv", {"ra": SEXAGESIMAL[0], "dec": SEXAGESIMAL[1]}))
    np.testing.assert_allclose([text.ra, text.dec], [RA, DEC], rtol=4e-15)  # roundings of a sum and a division


@pytest.mark.parametrize("name", ["a.fits", "a.h5", "a.vot"])
def test_text_in_binary_files(tmp_path, name):
    """FITS and HDF5 give bytes, a VOTable objects."""
    table = Table({"name": ["a", "bc"], "ra": SEXAGESIMAL[0], "dec": SEXAGESIMAL[1]})
    if name == "a.vot":
        table["name"] = table["name"].astype(object)
    options = {"a.fits": {}, "a.h5": {"path": "catalogue"}, "a.vot": {"format": "votable"}}[name]
    table.write(tmp_path / name, **options)
    found = read_catalogue(tmp_path / name)
    np.testing.assert_allclose([found.ra, found.dec], [RA, DEC], rtol=4e-15)  # roundings of a sum and a division
    assert found.id.dtype.kind == "U"
    assert found.id.tolist() == ["a", "bc"]


def test_empty_names_stay_empty(tmp_path):
    (tmp_path / "a.csv").write_text("id,x,y\n7,1,2\n,3,4\n")
    assert read_catalogue(tmp_path / "a.csv").id.tolist() == ["7", ""]


def test_sky_coordinates_of_photutils(tmp_path):
    table = QTable(
        {
            "label": [4, 5],
            "sky_centroid": SkyCoord(RA, DEC, unit="deg"),
            "xcentroid": [1, 2] * u.pix,
            "ycentroid": [3, 4] * u.pix,
        }
    )
    table.write(tmp_path / "a.ecsv")
    found = read_catalogue(tmp_path / "a.ecsv")
    np.testing.assert_allclose([found.ra, found.dec], [RA, DEC])
    np.testing.assert_array_equal(found.x, [1, 2])
    assert found.id.tolist() == [4, 5]


def test_missing_values_are_nan(tmp_path):
    (tmp_path / "a.csv").write_text("ra,dec\n204.25,-29.86\n,\n")
    found = read_catalogue(tmp_path / "a.csv")
    assert np.isnan(found.ra[1])
    (tmp_path / "b.csv").write_text("ra,dec\n13:37:00,-29:51:36\n,\n")
    assert np.isnan(read_catalogue(tmp_path / "b.csv").dec[1])


def test_table_without_header(shared_data):
    path = next((shared_data / "samples").glob("hlsp_legus*.tab"))
    found = read_catalogue(path, columns={"id": "col1", "ra": "col4", "dec": "col5"})
    assert len(found) == 2752
    assert np.abs(found.ra - 65.0).max() < 0.1  # NGC 1566
    with pytest.raises(DataFileError, match=r"no positions found among the columns col1, col2.*columns\.ra="):
        read_catalogue(path)


def wcs():
    made = WCS(naxis=2)
    made.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    made.wcs.crval = [204.25, -29.86]
    made.wcs.crpix = [101, 51]  # FITS pixels: (100, 50) here
    made.wcs.cdelt = [-0.04 / 3600, 0.04 / 3600]
    return made


def test_positions_both_ways():
    ids = np.array([1])
    sky = Catalogue(ids, ra=np.array([204.25]), dec=np.array([-29.86])).located(wcs())
    # the reference pixel itself: roundings of 204 degrees, 3e-14, are 2.6e-9 pixels
    np.testing.assert_allclose([sky.x[0], sky.y[0]], [100, 50], atol=1e-8)
    pixels = Catalogue(ids, np.array([100.0]), np.array([75.0])).located(wcs())
    np.testing.assert_allclose([pixels.ra[0], pixels.dec[0]], [204.25, -29.86 + 25 * 0.04 / 3600], atol=1e-13)
    both = Catalogue(ids, np.array([3.0]), np.array([3.0]), np.array([204.25]), np.array([-29.86])).located(wcs())
    assert both.x[0] == pytest.approx(100)
    with pytest.raises(InvalidInput, match="RA/Dec only, but the images have no celestial WCS"):
        Catalogue(ids, ra=np.array([204.25]), dec=np.array([-29.86])).located(None)
    plain = Catalogue(ids, np.array([3.0]), np.array([4.0]), np.array([1.0]), np.array([1.0])).located(None)
    assert (plain.x[0], plain.ra) == (3.0, None)


def test_named_positions_are_taken_whatever_else_there_is(tmp_path):
    columns = {"ra": RA, "dec": DEC, "px": [40.0, 41.0], "py": [50.0, 51.0]}
    path = write(tmp_path, "a.csv", columns)
    found = read_catalogue(path, columns={"x": "px", "y": "py"})
    assert found.ra is None
    np.testing.assert_array_equal(found.located(wcs()).x, [40.0, 41.0])
    assert read_catalogue(path, columns={"ra": "ra", "dec": "dec"}).x is None
    with pytest.raises(InvalidInput, match=r"columns\.x: px; give columns\.y=\.\.\. too"):
        read_catalogue(path, columns={"x": "px"})
    numbers = write(tmp_path, "b.csv", {"1": [3.0], "2": [4.0]})
    assert read_catalogue(numbers, columns={"x": 1, "y": 2}).x[0] == 3.0


def test_rows_without_ra_and_dec_take_their_pixels():
    sky = wcs()
    ra, dec = sky.celestial.all_pix2world([10.0, 20.0], [30.0, 40.0], 0)
    mixed = Catalogue(np.arange(2), np.array([99.0, 20.0]), np.array([99.0, 40.0]), np.array([ra[0], np.nan]), dec)
    found = mixed.located(sky)
    # the WCS there and back: 204 degrees are held to 3e-14, 2.6e-9 pixels; some roundings of that
    np.testing.assert_allclose([found.x, found.y], [[10.0, 20.0], [30.0, 40.0]], atol=1e-8)
    np.testing.assert_array_equal([found.ra, found.dec], [ra, dec])


def test_zipped_files(tmp_path):
    table = Table({"ra": RA, "dec": DEC})
    table.write(tmp_path / "a.fits.gz", format="fits")
    np.testing.assert_allclose(read_catalogue(tmp_path / "a.fits.gz").ra, RA)


def test_places_behind_the_sky_have_no_pixels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Catalogue(np.arange(2), ra=np.array([204.25, 24.25]), dec=np.array([-29.86, 29.86])).located(wcs())
    assert np.isfinite(found.x[0])
    assert not np.isfinite(found.x[1]) or abs(found.x[1]) > 1e5


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("flux,mag\n1,2\n", "a.csv", "no positions found among the columns flux, mag; expected ra and dec"),
        ("ra,mag\n1,2\n", "a.csv", "no positions found among the columns ra, mag"),
        ("ra,dec\n", "a.csv", "the catalogue has no rows"),
        ("ra,dec\n1,95\n", "a.csv", "dec = 95 degrees in row 0; up to 90 is allowed"),
        ("ra,dec\n1:2:3:4,5\n", "a.csv", "ra = '1:2:3:4' in row 0 is not an angle"),
        ("x,y\nhere,5\n", "a.csv", "the column 'x' is not made of numbers"),
        ("x,y\n1,2,3\n", "a.csv", "cannot be read as a table"),
        ("no fits", "a.fits", r"cannot be read as a table \(fits\)"),
    ],
)
def test_bad_catalogues(tmp_path, text, name, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataFileError, match=message):
        read_catalogue(tmp_path / name)


def test_bad_arguments(tmp_path):
    with pytest.raises(DataFileError, match=r"none.csv: no such file"):
        read_catalogue(tmp_path / "none.csv")
    path = write(tmp_path, "a.csv", {"x": [1], "y": [2]})
    with pytest.raises(InvalidInput, match=r"origin: 2; 0 .* or 1 .* are allowed"):
        read_catalogue(path, origin=2)
    with pytest.raises(InvalidInput, match=r"columns: \['z'\]; ra, dec, x, y, id are allowed"):
        read_catalogue(path, columns={"z": "x"})
    with pytest.raises(DataFileError, match=r"no column 'xx' \(x\); it has x, y"):
        read_catalogue(path, columns={"x": "xx"})
    path = write(tmp_path, "b.ecsv", {"ra": [1.0], "dec": [2.0]}, ra="mag")
    with pytest.raises(DataFileError, match="the column 'ra' has the unit mag, which is not an angle"):
        read_catalogue(path)
