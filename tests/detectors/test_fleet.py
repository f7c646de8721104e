import math

import numpy as np
import pytest

from detectors.evidence import SIZES
from detectors.fleet import Fleet, is_kept
from tests.detectors.streams import Floats

SERIES, EVENTS, RATE = 400, 200, 0.02
BUDGET = 60_480.0


def evidence(bad: Floats, events: int = EVENTS, rate: float = RATE) -> Floats:
    """Of one window of coins that are known, shape (sizes, series)."""
    shifted = rate * SIZES[:, None]
    found: Floats = bad * np.log(SIZES)[:, None] + (events - bad) * np.log((1.0 - shifted) / (1.0 - rate))
    return found


def windows(chance: np.random.Generator, count: int, factors: Floats) -> list[Floats]:
    return [evidence(chance.binomial(EVENTS, RATE * factors).astype(np.float64)) for _ in range(count)]


def with_changed(chosen: list[int], ratio: float) -> Floats:
    found = np.ones(SERIES)
    found[chosen] = ratio
    return found


def watched(fleet: Fleet, seen: list[Floats]) -> int | None:
    """The window in which an incident opened."""
    for i, one in enumerate(seen):
        fleet.update(one)
        if fleet.opened:
            return i
    return None


def test_under_the_null_the_statistic_is_the_number_of_starts_on_average() -> None:
    chance = np.random.default_rng(91)
    runs, count, series = 4000, 12, 20
    final = np.zeros(runs)
    for one in range(runs):
        fleet = Fleet(series, math.inf)
        for _ in range(count):
            fleet.update(evidence(chance.binomial(5, 0.1, series).astype(np.float64), 5, 0.1))
        final[one] = math.exp(fleet.log_e)
    starts = 1 + sum(is_kept(since, count - 1) for since in range(count - 1))
    error = final.std() / math.sqrt(runs)
    assert abs(final.mean() - starts) < 4.0 * error
    assert error < 0.1 * starts


@pytest.mark.parametrize("ratio", [1.5, 2.0, 0.4])
def test_a_change_in_a_few_is_found_and_named_before_any_of_them_is_sure(ratio: float) -> None:
    chance = np.random.default_rng(92)
    chosen = list(range(30, 50))
    fleet = Fleet(SERIES, BUDGET)
    assert watched(fleet, windows(chance, 200, np.ones(SERIES))) is None
    at = watched(fleet, windows(chance, 60, with_changed(chosen, ratio)))
    assert at is not None
    assert at < 15
    found = fleet.explanation
    assert found is not None
    assert (found.size > 1.0) == (ratio > 1.0)
    assert found.age <= 2 * at + 4
    named = [series for series, _ in found.ranked()]
    assert len(set(named) & set(chosen)) > 0.5 * len(named)
    assert max(float(found.log_ratio[series]) for series in chosen) < math.log(BUDGET * SERIES)


def test_the_group_that_changed_explains_it_best() -> None:
    chance = np.random.default_rng(93)
    fleet = Fleet(SERIES, BUDGET)
    watched(fleet, windows(chance, 60, with_changed(list(range(40, 60)), 2.0)))
    members = np.arange(SERIES) // 20 == np.arange(SERIES // 20)[:, None]
    assert fleet.explanation is not None
    (group, evidence_for), (_, second) = fleet.explanation.groups(members)[:2]
    assert group == 2
    assert evidence_for - second > 10.0


def test_an_incident_holds_while_the_change_lasts_and_ends_after_it() -> None:
    chance = np.random.default_rng(94)
    changed = with_changed(list(range(20)), 2.0)
    fleet = Fleet(SERIES, BUDGET)
    assert watched(fleet, windows(chance, 60, changed)) is not None
    for one in windows(chance, 500, changed):
        fleet.update(one)
        assert not fleet.opened
        assert not fleet.closed
    closed = []
    for i, one in enumerate(windows(chance, 60, np.ones(SERIES))):
        fleet.update(one)
        if fleet.closed:
            closed.append(i)
    assert len(closed) == 1
    assert fleet.explanation is None


def test_what_a_series_was_told_for_does_not_count_again() -> None:
    chance = np.random.default_rng(95)
    loud = windows(chance, 6, with_changed([7], 4.0))
    kept, forgot = Fleet(SERIES, math.inf), Fleet(SERIES, math.inf)
    for one in loud:
        kept.update(one)
        forgot.update(one)
    forgot.forget(np.array([7]))
    quiet = windows(chance, 1, np.ones(SERIES))[0]
    kept.update(quiet)
    forgot.update(quiet)
    assert forgot.log_e < kept.log_e - 5.0


def test_new_series_change_nothing_that_was_known() -> None:
    chance = np.random.default_rng(96)
    small, grown = Fleet(SERIES, BUDGET), Fleet(SERIES, BUDGET)
    for one in windows(chance, 20, np.ones(SERIES)):
        small.update(one)
        grown.update(one)
    grown.grow(SERIES + 5)
    one = windows(chance, 1, np.ones(SERIES))[0]
    small.update(one)
    grown.update(np.concatenate([one, np.zeros((len(SIZES), 5))], axis=1))
    assert grown.log_e == pytest.approx(small.log_e)


def test_silence_is_no_evidence_and_the_same_windows_give_the_same_bits() -> None:
    silent = Fleet(SERIES, BUDGET)
    for _ in range(2000):
        silent.update(np.zeros((len(SIZES), SERIES)))
    assert silent.log_e < math.log(400.0)
    chance = np.random.default_rng(97)
    seen = windows(chance, 500, np.ones(SERIES))
    first, second = Fleet(SERIES, math.inf), Fleet(SERIES, math.inf)
    for one in seen:
        first.update(one)
        second.update(one)
    assert first.log_e == second.log_e


def test_whoever_watches_for_an_hour_knows_what_one_knows_who_watched_for_longer() -> None:
    seen = windows(np.random.default_rng(98), 900, np.ones(SERIES))
    long, late = Fleet(SERIES, BUDGET, first=7_000_000), Fleet(SERIES, BUDGET, first=7_000_401)
    elsewhere = Fleet(SERIES, BUDGET, first=0)
    for i, one in enumerate(seen):
        long.update(one)
        if i >= 401:
            late.update(one)
            elsewhere.update(one)
    assert elsewhere.log_e != pytest.approx(long.log_e, abs=1e-9)
    assert late.log_e == pytest.approx(long.log_e, abs=1e-12)
    assert math.isfinite(late.log_e)


@pytest.mark.parametrize("extreme", [-1e6, 1e6])
def test_no_evidence_makes_it_other_than_finite(extreme: float) -> None:
    fleet = Fleet(10_000, math.inf)
    for _ in range(400):
        fleet.update(np.full((len(SIZES), 10_000), extreme))
        assert math.isfinite(fleet.log_e)


def test_starts_get_rarer_the_older_they_are_and_none_comes_back() -> None:
    for now in range(300, 1000, 7):
        ages = [now - since for since in range(now) if is_kept(since, now)]
        assert {1, 2, 3} <= set(ages)
        assert max(ages) < 360
        assert max(ages) > 200
        assert len(ages) < 32
    for since in range(500, 600):
        lived = [is_kept(since, now) for now in range(since + 1, since + 400)]
        assert lived == sorted(lived, reverse=True)
