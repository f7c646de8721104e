import math

import numpy as np
import pytest

from detectors.backtest import run
from detectors.learning import learn
from detectors.pools import expected_bad, mean_of, pooled, shared_level, suspects, usual_rates
from tests.detectors.streams import DAY, START, WEEK, Floats, Stream, changed, stream

SIZE = WEEK + DAY
MEMBERS = ((101, 100.0, 0.01), (102, 40.0, 0.05), (103, 20.0, 0.2))


ALIKE = tuple((106 + i, 50.0, 0.02) for i in range(8))


def members(rows: tuple[tuple[int, float, float], ...] = MEMBERS, factor: Floats | None = None) -> list[Stream]:
    """Streams by seed, events and rate."""
    return [stream(seed, SIZE, evaluated=n, rate=rate, factor=factor) for seed, n, rate in rows]


def counts(streams: list[Stream]) -> tuple[Floats, Floats]:
    return np.array([one.evaluated for one in streams]), np.array([one.bad for one in streams])


def opened(evaluated: Floats, bad: Floats, adjusted: bool = True) -> list[int]:
    """Windows after the week of learning in which the pool of all opens, from counts of shape (members, SIZE)."""
    baselines = [learn(START, n[:WEEK], k[:WEEK]) for n, k in zip(evaluated, bad, strict=True)]
    rates = np.array([usual_rates(one, START, np.ones(SIZE)) for one in baselines])
    n, k, expected = evaluated.sum(axis=0), bad.sum(axis=0), expected_bad(evaluated, rates)
    pool = pooled(n, k, expected, mean_of(n[:WEEK], expected[:WEEK]))
    mix = pool.mix if adjusted else np.ones(SIZE)
    baseline = learn(START, n[:WEEK], k[:WEEK], mix=mix[:WEEK])
    found = run(baseline, START + 10 * WEEK, n[WEEK:], k[WEEK:], mix=mix[WEEK:])
    return list(found.opened)


def test_a_small_change_of_all_members_is_found_in_the_pool_before_any_member() -> None:
    evaluated, bad = counts(members(ALIKE, changed(SIZE, WEEK + 2000, SIZE, 1.3)))
    single = []
    for n, k in zip(evaluated, bad, strict=True):
        baseline = learn(START, n[:WEEK], k[:WEEK])
        single += list(run(baseline, START + 10 * WEEK, n[WEEK:], k[WEEK:]).opened)
    pool = opened(evaluated, bad)
    assert pool[0] >= 2000
    assert pool[0] < min(single)


def test_a_shift_of_traffic_between_members_is_no_change_of_the_pool() -> None:
    streams = members()
    chance = np.random.default_rng(104)
    worst = streams[-1]
    more = chance.poisson(40.0, DAY - 300)
    worst.evaluated[WEEK + 300 :] += more
    worst.bad[WEEK + 300 :] += chance.binomial(more, worst.rates[WEEK + 300 :])
    evaluated, bad = counts(streams)
    assert opened(evaluated, bad) == []
    assert opened(evaluated, bad, adjusted=False)[0] >= 300


def test_usual_rates_are_of_bad_events_whichever_are_watched() -> None:
    seen = stream(105, WEEK, rate=0.1)
    bad, good = learn(START, seen.evaluated, seen.bad), learn(START, seen.evaluated, seen.evaluated - seen.bad)
    assert good.complement
    both = usual_rates(bad, START, np.ones(DAY)) + usual_rates(good, START, np.ones(DAY))
    assert both == pytest.approx(np.ones(DAY))
    assert usual_rates(bad, START, np.full(DAY, 2.0)).mean() > 1.7 * usual_rates(bad, START, np.ones(DAY)).mean()


def test_a_mean_that_is_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        pooled(np.ones(1), np.ones(1), np.ones(1), 1.0)


def test_a_pool_without_events_has_mix_one() -> None:
    none = np.zeros(5)
    assert (pooled(none, none, none, mean_of(none, none)).mix == 1.0).all()


def test_what_is_shared_is_the_pools_level_less_what_the_members_know_themselves() -> None:
    evaluated, rates = np.array([100.0, 300.0]), np.array([0.03, 0.01])
    assert shared_level(0.1, evaluated, rates, np.zeros(2)) == pytest.approx(0.1)
    assert shared_level(0.1, evaluated, rates, np.full(2, 0.1)) == pytest.approx(0.0)
    half = shared_level(0.1, evaluated, rates, np.array([0.1, 0.0]))
    assert half == pytest.approx(0.1 - math.log((math.exp(0.1) + 1.0) / 2.0))
    assert shared_level(0.1, np.zeros(2), rates, np.zeros(2)) == 0.0
    assert shared_level(0.0, evaluated, rates, np.full(2, 0.1)) == 0.0


def test_members_are_suspected_by_their_evidence_and_others_are_not() -> None:
    evidence = np.array([5.0, -1.0, 9.0, 7.0])
    members_of_it = np.array([True, True, False, True])
    assert suspects(evidence, members_of_it) == [(3, 7.0), (0, 5.0), (1, -1.0)]
