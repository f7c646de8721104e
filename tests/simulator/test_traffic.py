import numpy as np
import pytest

from monitor.simulator.traffic import Traffic

_WEEK = np.arange(0, 7 * 86_400, 60, dtype=np.float64)
_DAY = _WEEK[: 24 * 60]


def test_the_rate_is_the_mean_of_a_week() -> None:
    assert Traffic().shape(_WEEK).mean() == pytest.approx(1.0, rel=1e-3)
    assert Traffic(rate=50.0).mean(_WEEK, 0.2).mean() == pytest.approx(50.0 * 0.2 * 10, rel=1e-3)


@pytest.mark.parametrize(("swing", "ratio"), [(1.0, 11.76), (0.5, 3.43), (0.0, 1.0)])
def test_the_busiest_hour_over_the_quietest(swing: float, ratio: float) -> None:
    middles = np.arange(1800, 86_400, 3600, dtype=np.float64)
    shape = Traffic(swing=swing).shape(middles)
    assert shape.max() / shape.min() == pytest.approx(ratio, rel=0.01)


def test_the_day_has_no_jumps() -> None:
    shape = Traffic(weekend=1.0).shape(_DAY)
    assert np.abs(np.diff(shape, append=shape[0])).max() < 0.02


def test_saturday_and_sunday_are_quieter() -> None:
    days = Traffic().shape(_WEEK).reshape(7, -1).mean(axis=1)  # the epoch was a Thursday
    assert days[2] == days[3] == pytest.approx(days[0] * 0.76)
    assert days[[0, 1, 4, 5, 6]] == pytest.approx(days[0])


@pytest.mark.parametrize("dispersion", [3.8, 72.0])
@pytest.mark.parametrize("mean", [30.0, 300.0])
def test_arrivals_have_the_measured_dispersion(dispersion: float, mean: float) -> None:
    counts = Traffic().counts(np.full(40_000, mean), dispersion, np.random.default_rng(7))
    assert counts.mean() == pytest.approx(mean, rel=0.06)
    assert counts.var() / counts.mean() == pytest.approx(dispersion, rel=0.1)


def test_without_bursts_arrivals_are_poisson() -> None:
    counts = Traffic(bursty=False).counts(np.full(40_000, 50.0), 72.0, np.random.default_rng(7))
    assert counts.var() / counts.mean() == pytest.approx(1.0, rel=0.05)


def test_chance_is_an_argument() -> None:
    first, again = (Traffic().counts(np.full(9, 50.0), 4.0, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == again.tolist()
