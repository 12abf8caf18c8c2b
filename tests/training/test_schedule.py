from __future__ import annotations

import pytest

from clustercnn.errors import InvalidInput
from clustercnn.training import TrainSettings
from clustercnn.training.schedule import learning_rate_factor, spent


def test_rises_then_anneals_to_a_hundredth():
    shares = [i / 1000 for i in range(1001)]
    factors = [learning_rate_factor(s, warmup=0.1) for s in shares]
    assert 0 < factors[0] < 0.02
    assert factors[100] == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.01)
    assert factors[:101] == sorted(factors[:101])
    assert factors[100:] == sorted(factors[100:], reverse=True)
    assert learning_rate_factor(0.0, warmup=0.0) == pytest.approx(1.0)


def test_first_limit_ends_the_run():
    assert spent(50, 1.0, budget=(None, 100)) == 0.5
    assert spent(50, 30.0, budget=(60.0, None)) == 0.5
    assert spent(90, 30.0, budget=(60.0, 100)) == 0.9
    assert spent(10, 90.0, budget=(60.0, 100)) == 1.0


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({"default_minutes": 7.0}, (420.0, None)),
        ({"minutes": 2.0}, (120.0, None)),
        ({"steps": 10}, (None, 10)),
        ({"minutes": 2.0, "steps": 10}, (120.0, 10)),
        ({"minutes": 2.0, "steps": 10, "deterministic": True}, (None, 10)),
    ],
)
def test_budget(given, budget):
    assert TrainSettings(**given).budget == budget


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"deterministic": True}, "train.deterministic: true needs a budget in steps"),
        ({"minutes": 0.0}, "train.minutes: 0.0; a value above 0"),
        ({"minutes": float("nan")}, "train.minutes: nan"),
        ({"batch_size": -1}, "train.batch_size"),
        ({"ema": 1.0}, "train.ema"),
        ({"device": "gpu"}, "train.device: 'gpu'; auto, cpu or cuda"),
    ],
)
def test_bad_settings(given, message):
    with pytest.raises(InvalidInput, match=message):
        TrainSettings(**given)
