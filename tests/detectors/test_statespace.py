import math

import numpy as np
import pytest

from detectors import rows
from detectors.belief import mean_of, spread_of
from detectors.level import predict_level, take_level
from detectors.noise import Noise, parameters_of
from detectors.overshoot import weights
from detectors.statespace import CLOSED, NOTHING, OPENED, start_state, step
from tests.detectors.streams import Floats, wandering

RATE, EVENTS = 0.05, 40.0
NOISES = [
    Noise(),
    Noise(rho=0.02),
    Noise(sigma=0.15, tau=30.0),
    Noise(rho=0.01, sigma=0.1, tau=60.0, jump_rate=0.02, jump_sd=0.2),
    Noise(sigma=0.1, tau=20.0, slow_sigma=0.15, slow_tau=400.0, jump_rate=0.02, jump_sd=0.2),
]
IDS = ["coin", "scatter", "wander", "jumps", "two scales"]
MILD = [j for j in range(rows.HYPOTHESES) if 0.6 < rows.RATIOS[j] < 1.6]


def parameters(noise: Noise, threshold: float = math.inf) -> Floats:
    row = parameters_of(noise)
    row[rows.THRESHOLD] = threshold
    row[rows.WEIGHTS : rows.WEIGHTS + rows.HYPOTHESES] = 1.0 / rows.HYPOTHESES
    return row


def started(row: Floats) -> Floats:
    state = np.zeros(rows.STATE)
    start_state(state, row)
    return state


def drawn(state: Floats, row: Floats, chance: np.random.Generator) -> float:
    """A count from what the null predicts."""
    ahead = state.copy()
    predict_level(ahead, row)
    odds = ahead[rows.JUMP_ODDS]
    jumped = chance.random() < odds / (1.0 + odds)
    belief = rows.JUMPED if jumped else rows.NORMAL
    level, spread = mean_of(ahead, belief), spread_of(ahead, belief)
    rate = min(RATE * math.exp(level), 0.95)
    rho = row[rows.RHO] + spread * rate / (1.0 - rate)
    if rho * EVENTS >= 1e-3:
        rate = chance.beta(rate * (1.0 / rho - 1.0), (1.0 - rate) * (1.0 / rho - 1.0))
    return float(chance.binomial(int(EVENTS), rate))


def statistics(noise: Noise, windows: int, series: int, shift: float = 0.0) -> Floats:
    """R of every hypothesis after so many windows of the null, shape (series, HYPOTHESES)."""
    chance = np.random.default_rng(21)
    row = parameters(noise)
    found = np.zeros((series, rows.HYPOTHESES))
    for one in range(series):
        state = started(row)
        for _ in range(windows):
            extra = chance.binomial(int(EVENTS), shift)
            step(state, row, RATE, EVENTS, min(drawn(state, row, chance) + extra, EVENTS))
        found[one] = state[rows.SHARES : rows.SHARES + rows.HYPOTHESES]
    return found


@pytest.mark.parametrize("noise", NOISES, ids=IDS)
def test_under_the_null_each_statistic_is_the_time_on_average(noise: Noise) -> None:
    windows, series = 12, 4000
    found = statistics(noise, windows, series)[:, MILD]
    error = found.std(axis=0) / math.sqrt(series)
    assert (np.abs(found.mean(axis=0) - windows) < 4.0 * error).all()
    assert (error < 0.1 * windows).all()


def test_it_is_more_where_the_rate_is_not_the_nulls() -> None:
    found = statistics(NOISES[0], 12, 4000, shift=0.01)[:, MILD]
    error = found.std(axis=0) / math.sqrt(4000)
    assert (np.abs(found.mean(axis=0) - 12.0) > 4.0 * error).all()


@pytest.mark.parametrize("noise", NOISES, ids=IDS)
def test_the_null_beside_the_hypotheses_is_to_the_bit_the_null_alone(noise: Noise) -> None:
    row, chance = parameters(noise), np.random.default_rng(25)
    state = started(row)
    alone = state.copy()
    for _ in range(300):
        bad = drawn(state, row, chance)
        step(state, row, RATE, EVENTS, bad)
        predict_level(alone, row)
        take_level(alone, row, RATE, EVENTS, bad, row[rows.RHO])
        assert (state[: rows.OPEN] == alone[: rows.OPEN]).all()


def test_beliefs_side_by_side_fill_whole_vectors() -> None:
    assert rows.HYPOTHESES % 4 == 0
    assert rows.ROOM % 4 == 0
    assert rows.HYPOTHESES + 2 <= rows.ROOM


@pytest.mark.parametrize("noise", NOISES, ids=IDS)
def test_silence_is_never_evidence(noise: Noise) -> None:
    row = parameters(noise, threshold=11.0)
    state = started(row)
    before, _, _ = step(state, row, RATE, EVENTS, 4.0)
    for _ in range(100_000):
        after, _, event = step(state, row, RATE, 0.0, 0.0)
    assert after == before
    assert event == NOTHING


@pytest.mark.parametrize("noise", NOISES, ids=IDS)
@pytest.mark.parametrize("ratio", [0.0, 5.0])
def test_an_incident_opens_holds_through_silence_and_closes_after_its_end(noise: Noise, ratio: float) -> None:
    row = parameters(noise, threshold=11.0)
    state = started(row)
    chance = np.random.default_rng(22)
    rates = np.repeat([RATE, RATE * ratio, RATE, RATE * ratio, RATE], [100, 200, 50, 200, 2000])
    events = {}
    for i, rate in enumerate(rates):
        evaluated = 0.0 if 300 <= i < 350 else EVENTS
        _, up, event = step(state, row, RATE, evaluated, float(chance.binomial(int(evaluated), rate)))
        if event != NOTHING:
            events[i] = (event, up)
    (opened, closed) = sorted(events)
    assert events[opened] == (OPENED, ratio > 1.0)
    assert 100 <= opened < 300
    assert events[closed][0] == CLOSED
    assert 550 <= closed < 2550
    assert state[rows.OPEN] == 0.0


@pytest.mark.parametrize("ratio", [0.6, 0.8, 0.84, 1.17, 1.35, 2.4])
def test_a_change_between_two_hypotheses_is_one_incident_and_not_a_storm(ratio: float) -> None:
    row = parameters(Noise(), threshold=11.0)
    row[rows.WEIGHTS : rows.WEIGHTS + rows.HYPOTHESES] = weights(RATE, 400.0, Noise())
    state = started(row)
    chance = np.random.default_rng(23)
    events = [step(state, row, RATE, 400.0, float(chance.binomial(400, RATE * ratio)))[2] for _ in range(20_000)]
    assert events.count(OPENED) == 1
    assert state[rows.OPEN] == 1.0


def test_a_null_that_is_wrong_costs_a_few_pages_and_not_hundreds() -> None:
    row = parameters(Noise(), threshold=11.0)
    row[rows.WEIGHTS : rows.WEIGHTS + rows.HYPOTHESES] = weights(RATE, 400.0, Noise())
    state, chance = started(row), np.random.default_rng(24)
    pages = []
    for rate in RATE * np.exp(wandering(chance, 40_000, 0.2, 30.0)):
        _, _, event = step(state, row, RATE, 400.0, float(chance.binomial(400, rate)))
        pages.append(event == OPENED)
    assert 0 < sum(pages) < 40
    assert sum(pages[-20_000:]) < sum(pages) / 2


def test_an_incident_does_not_teach_the_null() -> None:
    row = parameters(NOISES[2], threshold=11.0)
    state = started(row)
    while step(state, row, RATE, EVENTS, 12.0)[2] != OPENED:
        pass
    at_opening = abs(mean_of(state, rows.NORMAL))
    for _ in range(100):
        step(state, row, RATE, EVENTS, 12.0)
    assert abs(mean_of(state, rows.NORMAL)) < at_opening


@pytest.mark.parametrize("noise", NOISES, ids=IDS)
@pytest.mark.parametrize("rate", [1e-9, 0.02, 0.999])
def test_nothing_makes_it_other_than_finite(noise: Noise, rate: float) -> None:
    row = parameters(noise, threshold=11.0)
    state = started(row)
    windows = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (5.0, 5.0), (1e9, 0.0), (1e9, 1e9), (1e15, 1e3), (3.0, 3.0)]
    for _ in range(60):
        for evaluated, bad in windows:
            statistic, _, _ = step(state, row, rate, evaluated, bad)
            assert math.isfinite(statistic)
            assert np.isfinite(state).all()
