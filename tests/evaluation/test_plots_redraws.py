from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from clustercnn.evaluation import plots_redraws
from clustercnn.evaluation.plots_redraws import choose_rows, picture_redraws
from clustercnn.evaluation.plots_stamps import colour_picture


def test_half_are_the_least_typical_half_the_brightest_others():
    ppp = np.array([0.5, 0.01, np.nan, 0.3, 0.9, 0.02, 0.8])
    log_snr = np.array([2.0, 3.0, 9.0, 1.0, 1.5, 0.5, 2.5])
    assert choose_rows(ppp, log_snr, n=4).tolist() == [1, 5, 6, 0]
    assert choose_rows(ppp, log_snr, n=20).tolist() == [1, 5, 3, 0, 6, 4]
    assert choose_rows(np.full(3, np.nan), np.zeros(3)).tolist() == []


def test_pictures_to_compare_share_a_stretch():
    noise = np.random.default_rng(1).standard_normal((3, 16, 16))
    faint, bright = noise.copy(), noise.copy()
    faint[:, 8, 8], bright[:, 8, 8] = 30.0, 300.0
    np.testing.assert_array_equal(colour_picture(faint, like=faint), colour_picture(faint))
    assert colour_picture(faint, like=bright)[8, 8].max() < 0.8 * colour_picture(faint)[8, 8].max()


def test_a_picture_shows_what_the_p_values_rest_on(tmp_path, monkeypatch):
    """Stamps, draws and clusters of the rows of the table that are shown, by their numbers in it."""
    asked, shown = [], {}

    def redraw(x, y, draws, *, number):
        asked.append((x, y, draws.shape, number))
        return np.full((40, 3, 16, 16), float(number))

    def predict(stamps, *, samples, seed, first):
        asked.append((stamps.shape, seed, first))
        return SimpleNamespace(samples=np.zeros((1, samples, 4)))

    def keep(stamps, redraws, titles, path):
        shown.update(stamps=stamps, redraws=redraws, titles=titles, path=path)

    monkeypatch.setattr(plots_redraws, "plot_redraws", keep)
    data = np.random.default_rng(2).standard_normal((3, 64, 64)).astype(np.float32)
    mosaic = SimpleNamespace(data=data, valid=np.ones((64, 64), bool))
    check = SimpleNamespace(mosaic=mosaic, redraws=40, seed=7, redraw=redraw)
    catalogue = SimpleNamespace(id=np.array(["a", "b", "c"]), x=np.full(3, 31.5), y=np.array([9.5, 30.5, 40.5]))
    posterior = SimpleNamespace(
        ppp=np.array([np.nan, 0.5, 0.01]), log_snr=np.array([1.0, 1.0, 2.0]), presence=np.array([0.1, 0.5, 0.9])
    )
    picture_redraws(check, SimpleNamespace(size=16, predict=predict), catalogue, posterior, tmp_path / "p.png")
    one = (1, 3, 16, 16)
    assert asked == [(one, 7, 2), (31.5, 40.5, (40, 4), 2), (one, 7, 1), (31.5, 30.5, (40, 4), 1)]
    assert shown["titles"] == ["c: ppp 0.01, presence 0.90, S/N 100", "b: ppp 0.50, presence 0.50, S/N 10"]
    np.testing.assert_array_equal(shown["stamps"][0], data[:, 33:49, 24:40])
