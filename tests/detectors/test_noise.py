import math

import numpy as np
import pytest

from detectors.level import surprises
from detectors.noise import History, Noise, fit_noise, moment_rho, parameters_of
from detectors.rows import JUMP_RATE, MEMORY, VARIANCE
from tests.detectors.streams import WEEK, Stream, changed, stream, wandering


def history(seen: Stream, quiet: Stream) -> History:
    """The counts of a stream with the rates of another, which are its season."""
    return History(seen.evaluated * 1.0, seen.bad * 1.0, quiet.rates, np.ones(len(seen.bad), dtype=np.bool_))


@pytest.mark.parametrize("seed", [11, 17, 18])
def test_a_coin_has_next_to_no_noise(seed: int) -> None:
    found = fit_noise(history(stream(seed, WEEK), stream(seed, WEEK)), 10)
    assert found.rho < 1e-4
    assert found.sigma < 0.03


def test_counts_that_scatter_twice_as_much_have_their_rho() -> None:
    found = fit_noise(history(stream(12, WEEK, scatter=2.0), stream(12, WEEK)), 10)
    assert found.rho == pytest.approx(1.0 / 199.0, rel=0.1)
    assert found.sigma < 0.03


def test_a_rate_that_wanders_has_its_sigma_and_memory() -> None:
    found = fit_noise(history(stream(13, WEEK, wander=0.2), stream(13, WEEK)), 10)
    assert found.rho == 0.0
    assert found.sigma == pytest.approx(0.2, rel=0.15)
    assert found.tau == 360.0


def test_both_are_told_apart() -> None:
    found = fit_noise(history(stream(14, WEEK, wander=0.2, scatter=2.0), stream(14, WEEK)), 10)
    assert found.rho == pytest.approx(1.0 / 199.0, rel=0.15)
    assert found.sigma == pytest.approx(0.2, rel=0.2)


def test_a_level_that_wanders_on_two_scales_has_both() -> None:
    quiet = stream(19, WEEK, 2000.0, 0.1)
    slow = np.exp(wandering(np.random.default_rng(20), WEEK, 0.15, 4000.0))
    fast = np.exp(wandering(np.random.default_rng(21), WEEK, 0.1, 60.0))
    found = fit_noise(history(stream(19, WEEK, 2000.0, 0.1, factor=slow * fast), quiet), 10)
    assert found.sigma == pytest.approx(0.1, rel=0.3)
    assert found.slow_sigma == pytest.approx(0.15, rel=0.5)
    assert found.tau < 200.0
    assert found.slow_tau > 1000.0


def test_steps_that_come_often_are_natural() -> None:
    chance = np.random.default_rng(15)
    steps = np.exp(np.cumsum(np.where(chance.random(WEEK) < 20.0 / WEEK, chance.normal(0.0, 0.2, WEEK), 0.0)))
    steps /= np.exp(np.log(steps).mean())
    found = fit_noise(history(stream(15, WEEK, 2000.0, 0.1, factor=steps), stream(15, WEEK, 2000.0, 0.1)), 10)
    assert found.jump_rate * WEEK >= 4.0
    assert found.jump_sd >= 0.1


def test_what_is_left_out_does_not_count() -> None:
    burst = stream(16, WEEK, factor=changed(WEEK, 20_000, 21_000, 3.0))
    whole = history(burst, stream(16, WEEK))
    known = whole.known.copy()
    known[20_000:21_000] = False
    left_out = fit_noise(History(whole.evaluated, whole.bad, whole.rates, known), 10)
    assert fit_noise(whole, 10).jump_rate > 0.0
    assert left_out.jump_rate == 0.0
    assert left_out.sigma < 0.03
    assert left_out.rho < 1e-4


def test_nothing_evaluated_has_no_noise() -> None:
    empty = History(np.zeros(1000), np.zeros(1000), np.full(1000, 0.1), np.ones(1000, dtype=np.bool_))
    assert moment_rho(empty) == 0.0
    assert fit_noise(empty, 10) == Noise()


def test_a_bin_of_six_windows_forgets_six_times_as_much() -> None:
    noise = Noise(sigma=0.1, tau=30.0, jump_rate=1e-3, jump_sd=0.1)
    assert parameters_of(noise, 6)[MEMORY] == pytest.approx(parameters_of(noise)[MEMORY] ** 6)
    assert parameters_of(noise, 6)[JUMP_RATE] == pytest.approx(6e-3)
    assert math.sqrt(parameters_of(noise)[VARIANCE]) == pytest.approx(0.1)


def test_a_history_is_as_likely_by_a_noise_alone_as_by_one_among_others() -> None:
    seen = stream(22, 2000, wander=0.2)
    noises = [
        Noise(),
        Noise(sigma=0.1),
        Noise(sigma=0.2, slow_sigma=0.1),
        Noise(sigma=0.1, jump_rate=1e-3, jump_sd=0.2),
    ]
    rows = np.array([parameters_of(noise) for noise in noises])
    columns = stream(22, 2000).rates, seen.evaluated, seen.bad, np.ones(2000), 1.0
    together = surprises(rows, *columns)
    assert [surprises(rows[i : i + 1], *columns)[0] for i in range(len(noises))] == pytest.approx(together, rel=1e-12)
    assert together[1] < together[0]
