from dataclasses import replace

import numpy as np
import pytest

from detectors.backtest import run
from detectors.base import Floats
from detectors.rolling import ByStratum, Columns, Leg, roll
from monitor.backtest.history import Anew, History
from monitor.backtest.legs import legs, only, state_before, watches
from monitor.backtest.scoring import score_history
from monitor.errors import UserError
from monitor.policy import Policy, parse_policy
from tests.backtest.tables import START, counts

DAY = 86_400
POLICY = Policy(version="t")
RARELY = Policy(version="t", budget="1/100 weeks")
SHIFT = 4 * 1440 + 600
"""The minute at which more is asked of what is answered worse."""


def history(
    *series: Floats,
    seconds: int = 60,
    start: int = START,
    feature: str = "chat",
    kpis: tuple[str, ...] = ("k", "l", "m"),
) -> History:
    evaluated, bad = (np.array([one[row] for one in series], dtype=np.float64) for row in (0, 1))
    names = kpis[: len(series)]
    return History(feature, names, start, seconds, evaluated, bad, np.ones_like(bad), np.zeros(len(series)), 1)


@pytest.fixture(name="changed", scope="module")
def _changed() -> History:
    """Three days of minutes; k is three times as bad for an hour on the third, l is a third for an hour before."""
    size, at = 3 * 1440, 2 * 1440 + 600
    return history(counts(1, size, 60, [(at, at + 60, 3.0)]), counts(2, size, 60, [(at - 300, at - 240, 0.3)]))


def test_a_change_pages_with_its_time_its_size_and_its_direction(changed: History) -> None:
    found = score_history(changed, POLICY, 0)
    rise = next(page for page in found.pages if page.kpi == "k")
    at = START + (2 * 1440 + 600) * 60
    assert abs(rise.onset - at) <= 60
    assert 60 <= rise.detected_at - at <= 300
    assert rise.resolved_at is not None
    assert 0 < rise.resolved_at - (at + 3600) <= 1200
    assert rise.direction == "up"
    assert rise.bad is not None
    assert rise.evaluated is not None
    assert rise.observed == rise.bad / rise.evaluated
    assert rise.interval[0] < 0.06 < rise.interval[1]
    assert 0.018 < rise.expected < 0.022
    drop = next(page for page in found.pages if page.kpi == "l")
    assert drop.direction == "down"
    assert len(found.pages) == 2


def test_pages_are_those_of_the_detector_that_a_worker_runs(changed: History) -> None:
    columns = Columns(START, 60, changed.evaluated, changed.bad)
    shift = (-START + next(iter(watches(changed, POLICY))).columns.start) % 60
    shifted = Columns(START + shift, 60, changed.evaluated, changed.bad)
    budget = 604_800 / 60
    opened = {
        (leg.series, (leg.start - columns.start) // 60 + int(i))
        for leg in roll("chat", shifted, shifted.start, budget)
        for i in leg.run.opened
    }
    told = {
        ("kl".index(page.kpi), (page.detected_at - START) // 60 - 1) for page in score_history(changed, POLICY, 0).pages
    }
    assert told == opened


def test_the_first_hour_is_not_scored_and_every_window_after_it_is_watched(changed: History) -> None:
    watched = score_history(changed, POLICY, 0).watched
    assert 3 * DAY - 24 * 3600 < watched["k"] < 3 * DAY - 3600
    begin = START + 2 * DAY
    assert score_history(changed, POLICY, begin).watched["k"] == DAY


def test_a_budget_of_its_own_does_not_change_when_a_kpi_learns(changed: History) -> None:
    late = changed.evaluated.copy()
    late[1, :2000] = 0.0
    from_later = history(*(np.array([n, np.minimum(k, n)]) for n, k in zip(late, changed.bad, strict=True)))
    policy = parse_policy("version: t\nkpis:\n  l: {budget: 1/day}\n", "p")
    of_one = [leg.start for one in watches(from_later, POLICY) for leg in legs(one, 0) if leg.series == 1]
    parts = list(watches(from_later, policy))
    assert sorted(one.kpis for one in parts) == [(0,), (1,)]
    alone = next(one for one in parts if one.kpis == (1,))
    assert [leg.start for leg in legs(alone, 0)] == of_one
    assert alone.budget == DAY / 60


def test_a_policy_silences_a_kpi_and_a_direction_and_counts_what_it_silenced(changed: History) -> None:
    policy = parse_policy("version: t\ndirections: up\nkpis:\n  k: {pages: false}\n", "p")
    found = score_history(changed, policy, 0)
    assert found.pages == []
    assert found.silent == {"k": 1, "l": 1}


@pytest.mark.parametrize("seconds", [7, 10, 60, 300, 900])
@pytest.mark.parametrize("offset", [0, 3])
def test_windows_of_any_length_are_scored_once_and_at_their_own_times(seconds: int, offset: int) -> None:
    size = max(40 * 3600 // seconds, 800)
    one = history(counts(3, size, seconds), seconds=seconds, start=START + offset)
    [watch] = watches(one, POLICY)
    ends = None
    for leg in legs(watch, 0):
        first = watch.window(leg.start)
        assert ends is None or first == ends
        ends = first + len(leg.run.log_e)
    assert ends == size


def test_a_baseline_never_knows_a_window_that_it_is_asked_to_score() -> None:
    """What comes after a window, whatever the length of windows, does not change what was said of it."""
    size = 30 * 24
    first = counts(4, size, 300)
    second = first.copy()
    second[1, 500:] = second[0, 500:]
    told = []
    for one in (first, second):
        [watch] = watches(history(one, seconds=300), POLICY)
        statistic = np.full(size, np.nan)
        for leg in legs(watch, 0):
            at = watch.window(leg.start)
            statistic[at : at + len(leg.run.log_e)] = leg.run.log_e
        told.append(statistic[:500])
    np.testing.assert_array_equal(told[0], told[1])
    assert np.isfinite(told[0]).any()


def test_windows_too_long_to_learn_from_say_nothing_and_are_named() -> None:
    for seconds in (14_400, 86_400, 30 * 86_400):
        found = score_history(
            history(counts(5, 400, 60), seconds=seconds), parse_policy("version: t\nbudget: 1/100 weeks", "p"), 0
        )
        assert found.pages == []
        assert found.cold == [("chat", "k")]
        assert found.watched.total() == 0


def test_where_normal_is_learned_anew_what_was_before_is_forgotten(changed: History) -> None:
    mark = START + (2 * 1440 + 630) * 60 + 7
    told = replace(changed, anew=(Anew(mark, mark),))
    after = replace(
        changed,
        start=mark - 7,
        evaluated=changed.evaluated[:, 2 * 1440 + 630 :],
        bad=changed.bad[:, 2 * 1440 + 630 :],
        coverage=changed.coverage[:, 2 * 1440 + 630 :],
    )
    [watch], [alone] = watches(told, POLICY), watches(after, POLICY)
    late = [leg for leg in legs(watch, 0) if leg.start >= mark]
    assert [leg.start for leg in late] == [leg.start for leg in legs(alone, 0)] != []
    assert all((one.run.log_e == two.run.log_e).all() for one, two in zip(late, legs(alone, 0), strict=True))
    page = next(page for page in score_history(told, POLICY, 0).pages if page.kpi == "k")
    assert page.resolved_at is not None
    assert mark - 60 <= page.resolved_at <= mark + 60


@pytest.fixture(name="mixed", scope="module")
def _mixed() -> History:
    """Five days of minutes of two strata, 1 % and 9 % bad; from SHIFT on, for two hours most are of the latter."""
    size, at = 5 * 1440, SHIFT
    chance = np.random.default_rng(11)
    n = chance.poisson(np.where((np.arange(size) >= at) & (np.arange(size) < at + 120), [[100.0], [1100.0]], 600.0))
    by_stratum = np.array([n, chance.binomial(n, [[0.01], [0.09]])], dtype=np.float64)
    arrived = np.array([np.full(size, 1e6), by_stratum[0].sum(axis=0)])
    both = history(by_stratum.sum(axis=1), arrived, kpis=("k", "arrivals"))
    empty = np.zeros_like(by_stratum)
    evaluated, bad = (np.stack([counts, nothing]) for counts, nothing in zip(by_stratum, empty, strict=True))
    return replace(both, strata=ByStratum(("safe", "sore"), evaluated, bad), arrivals=1)


def test_a_change_of_the_mix_is_no_change_of_the_rate(mixed: History) -> None:
    assert score_history(mixed, RARELY, 0).pages == []
    [page] = score_history(replace(mixed, strata=None), RARELY, 0).pages
    assert (page.kpi, page.direction) == ("k", "up")


def test_a_page_counts_what_was_held_against_the_baseline(mixed: History) -> None:
    """What nobody knows the rate of is in no count, and the rest is held against the rate that its mix should have."""
    assert mixed.strata is not None
    strata = mixed.strata
    known, new = strata.evaluated.copy(), np.zeros((2, 1, 5 * 1440))
    new[0, 0, SHIFT : SHIFT + 120] = 300.0
    bad = strata.bad.copy()
    bad[0, 1, SHIFT : SHIFT + 120] *= 2.0
    changed = replace(
        mixed,
        evaluated=np.stack([known[0].sum(axis=0) + new[0, 0], mixed.evaluated[1]]),
        bad=np.stack([bad[0].sum(axis=0) + new[0, 0], mixed.bad[1]]),
        strata=ByStratum(
            ("new", *strata.names), np.concatenate([new, known], axis=1), np.concatenate([new, bad], axis=1)
        ),
    )
    [page] = score_history(changed, RARELY, 0).pages
    first, end = (page.onset - START) // 60, (page.detected_at - START) // 60
    assert SHIFT <= first < end <= SHIFT + 6
    assert (page.evaluated, page.bad) == (known[0, :, first:end].sum(), bad[0, :, first:end].sum())
    assert page.expected == pytest.approx((100 * 0.01 + 1100 * 0.09) / 1200, rel=0.1)


def test_one_kpi_alone_is_scored_as_among_the_others(mixed: History) -> None:
    [watch] = watches(mixed, POLICY)
    for place in range(2):
        alone = [leg for leg in legs(only(watch, place), 0) if leg.series == 0]
        among = [leg for leg in legs(watch, 0) if leg.series == place]
        assert [leg.start for leg in alone] == [leg.start for leg in among] != []
        assert all((one.run.log_e == two.run.log_e).all() for one, two in zip(alone, among, strict=True))


def test_a_gap_of_weeks_is_neither_watched_nor_an_incident() -> None:
    size = 25 * 1440
    one = counts(6, size, 60)
    one[:, 2 * 1440 : 23 * 1440] = 0
    found = score_history(history(one), Policy(version="t", budget="1/1000 weeks"), 0)
    assert found.pages == []
    assert found.watched["k"] < 13 * DAY


def test_a_budget_shorter_than_two_windows_is_refused() -> None:
    with pytest.raises(UserError, match="shorter than two windows"):
        score_history(history(counts(7, 400, 60), seconds=600_000), POLICY, 0)


def test_the_state_before_a_leg_is_the_one_the_leg_went_on_from(changed: History) -> None:
    [watch] = watches(changed, POLICY)
    alone = only(watch, 1)
    seen: list[Leg] = [leg for leg in legs(alone, 0) if leg.series == 0]
    assert len(seen) > 2
    for before, leg in zip(seen, [leg for leg in legs(watch, 0) if leg.series == 1], strict=True):
        assert (before.run.log_e == leg.run.log_e).all()
    leg = seen[-1]
    at = alone.window(leg.start)
    evaluated, bad = alone.columns.evaluated[0, at:], alone.columns.bad[0, at:]
    again = run(leg.baseline, leg.start, evaluated, bad, state_before(alone, leg))
    assert (again.log_e == leg.run.log_e).all()
