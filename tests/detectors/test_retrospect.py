import math

import numpy as np
import pytest

from detectors import rows
from detectors.backtest import run
from detectors.base import Bools
from detectors.baseline import Baseline
from detectors.noise import Noise, parameters_of
from detectors.outlook import expected_rate
from detectors.overshoot import weights
from detectors.retrospect import statistic
from detectors.season import seasonal_rates
from detectors.statespace import CLOSED, OPENED, start_state, step
from tests.detectors.streams import START, Floats, changed

SECONDS, SIZE = 600, 1440
"""Ten days of ten minutes: rates come again on the second day."""
NOISES = [
    Noise(),
    Noise(rho=0.003),
    Noise(sigma=0.15, tau=30.0),
    Noise(rho=0.001, sigma=0.1, tau=60.0, jump_rate=0.02, jump_sd=0.2),
    Noise(sigma=0.1, tau=20.0, slow_sigma=0.15, slow_tau=400.0),
]
IDS = ["coin", "scatter", "wander", "jumps", "two scales"]


def row_of(noise: Noise, evaluated: float) -> Floats:
    """Parameters with a season; the more events a window has, the fewer hypotheses are left out."""
    row = parameters_of(noise)
    row[rows.WEIGHTS : rows.WEIGHTS + rows.HYPOTHESES] = weights(0.02, evaluated, noise)
    row[rows.SEASON : rows.SEASON + 3] = math.log(0.02), 0.2, 0.1
    return row


def counts(evaluated: float) -> tuple[Floats, Floats]:
    """A tenth of the windows are silent, a tenth have one event; for a day the rate is four times as high."""
    chance = np.random.default_rng(81)
    n = chance.poisson(evaluated, SIZE)
    which = chance.random(SIZE)
    n[which < 0.2] = 1
    n[which < 0.1] = 0
    rates = seasonal_rates(row_of(NOISES[0], evaluated)[rows.SEASON :], START, SECONDS, SIZE)
    return n.astype(np.float64), chance.binomial(n, rates * changed(SIZE, 400, 544, 4.0)).astype(np.float64)


def stepped(row: Floats, rates: Floats, evaluated: Floats, bad: Floats) -> tuple[Floats, Floats, list[int], Floats]:
    """The statistic, the expected rate, what happened, and the state at the end, one window after the other."""
    state = np.zeros(rows.STATE)
    start_state(state, row)
    log_e, expected, events = np.zeros(len(bad)), np.zeros(len(bad)), []
    for i in range(len(bad)):
        expected[i] = expected_rate(state, row, rates[i])
        log_e[i], _, event = step(state, row, rates[i], evaluated[i], bad[i])
        events.append(event)
    return log_e, expected, events, state


@pytest.mark.parametrize("evaluated", [3.0, 60.0, 800.0])
@pytest.mark.parametrize("noise", NOISES, ids=IDS)
def test_the_statistic_of_a_history_has_the_bits_of_its_windows_stepped_through(noise: Noise, evaluated: float) -> None:
    row = row_of(noise, evaluated)
    row[rows.THRESHOLD] = math.inf
    rates = seasonal_rates(row[rows.SEASON :], START, SECONDS, SIZE)
    n, k = counts(evaluated)
    wobbling = rates * np.exp(np.random.default_rng(83).normal(0.0, 0.1, SIZE))
    for some in (rates, wobbling):
        assert (statistic(row, some, n, k, SECONDS) == stepped(row, some, n, k)[0]).all()


def test_hypotheses_are_left_out_of_some_of_these_and_a_day_comes_again() -> None:
    """Else the tests beside this one would say less than they seem to."""
    weighed = {int((row_of(NOISES[0], evaluated)[rows.WEIGHTS : rows.SEASON] > 0.0).sum()) for evaluated in (3, 800)}
    assert len(weighed) == 2
    assert max(weighed) < rows.HYPOTHESES
    rates = seasonal_rates(row_of(NOISES[0], 60.0)[rows.SEASON :], START, SECONDS, SIZE)
    assert (rates[144:] == rates[:-144]).all()


@pytest.mark.parametrize("threshold", [4.0, 11.0])
@pytest.mark.parametrize("noise", NOISES, ids=IDS)
def test_a_run_has_the_bits_of_its_windows_stepped_through(noise: Noise, threshold: float) -> None:
    row = row_of(noise, 400.0)
    row[rows.THRESHOLD] = threshold
    n, k = counts(400.0)
    found = run(Baseline(row, 3, SIZE, SECONDS), START, n, k)
    rates = seasonal_rates(row[rows.SEASON :], START, SECONDS, SIZE)
    log_e, expected, events, state = stepped(row, rates, n, k)
    assert (found.log_e == log_e).all()
    assert (found.expected == expected).all()
    assert (found.state == state).all()
    assert found.opened.tolist() == [i for i, event in enumerate(events) if event == OPENED] != []
    assert found.closed.tolist() == [i for i, event in enumerate(events) if event == CLOSED] != []


def test_a_history_without_events_or_without_windows_says_nothing() -> None:
    row = row_of(NOISES[0], 60.0)
    silent: Bools = statistic(row, np.full(300, 0.02), np.zeros(300), np.zeros(300), SECONDS) < -600.0
    assert silent.all()
    assert len(statistic(row, np.zeros(0), np.zeros(0), np.zeros(0), SECONDS)) == 0
