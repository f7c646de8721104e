import math

import numpy as np

from detectors.bank import Bank
from detectors.base import Floats, Window
from detectors.trailing import TrailingEDetector

THRESHOLD = math.log(60_480.0) + 1.2


def window(start: int, evaluated: Floats, bad: Floats, coverage: float = 1.0) -> Window:
    size = len(evaluated)
    return Window(start, evaluated, bad, np.full(size, coverage), np.full(size, 0.5))


def stream(rate: Floats, windows: int, n: float, seed: int) -> list[tuple[Floats, Floats]]:
    chance = np.random.default_rng(seed)
    counts = chance.poisson(n, (windows, len(rate))).astype(float)
    return [(row, chance.binomial(row.astype(int), rate).astype(float)) for row in counts]


def run(bank: Bank, rows: list[tuple[Floats, Floats]], start: int = 0) -> list[tuple[int, list[int], list[int]]]:
    opinions = [bank.step(window(start + 10 * i, n, k)) for i, (n, k) in enumerate(rows)]
    return [(o.start, list(np.flatnonzero(o.opened)), list(np.flatnonzero(o.closed))) for o in opinions]


def make_bank(series: int) -> Bank:
    bank = Bank(TrailingEDetector(), THRESHOLD, 10)
    bank.grow(series)
    return bank


def test_a_spike_is_found_within_a_minute_and_ends_with_the_recovery() -> None:
    bank = make_bank(1)
    run(bank, stream(np.array([0.03]), 2000, 200.0, seed=1))
    found = run(bank, stream(np.array([0.15]), 60, 200.0, seed=2), start=20_000)
    opened = [start for start, rows, _ in found if rows]
    assert opened
    assert opened[0] - 20_000 <= 50
    assert bank.size(0).onset in range(19_970, 20_031, 10)
    back = run(bank, stream(np.array([0.03]), 60, 200.0, seed=3), start=20_600)
    closed = [start for start, _, rows in back if rows]
    assert closed
    assert closed[0] - 20_600 <= 100


def test_a_drop_is_found_too() -> None:
    bank = make_bank(1)
    run(bank, stream(np.array([0.10]), 2000, 200.0, seed=4))
    found = run(bank, stream(np.array([0.02]), 60, 200.0, seed=5), start=20_000)
    assert any(rows for _, rows, _ in found)


def test_a_quiet_fortnight_of_many_series_keeps_the_budget() -> None:
    """32 series-weeks of binomial noise at a budget of one page per series-week."""
    bank = make_bank(32)
    rates = np.repeat([0.002, 0.02, 0.1, 0.3], 8)
    found = run(bank, stream(rates, 60_480, 50.0, seed=6))
    pages = sum(len(rows) for _, rows, _ in found)
    assert pages <= 32


def test_scoring_changes_nothing() -> None:
    detector = TrailingEDetector(2)
    rows = stream(np.array([0.1, 0.2]), 50, 100.0, seed=7)
    for i, (n, k) in enumerate(rows):
        seen = window(10 * i, n, k)
        first, second = detector.score(seen), detector.score(seen)
        assert np.array_equal(first.log_e, second.log_e)
        detector.learn(seen, np.ones(2, dtype=np.bool_))


def test_cold_is_not_normal() -> None:
    detector = TrailingEDetector(1, warm_windows=10, warm_events=100.0)
    quiet = window(0, np.array([1000.0]), np.array([10.0]))
    assert not detector.score(quiet).warm[0]
    for _ in range(10):
        detector.learn(quiet, np.ones(1, dtype=np.bool_))
    assert detector.score(quiet).warm[0]


def test_unknown_windows_teach_nothing_and_prove_nothing() -> None:
    detector = TrailingEDetector(1)
    before = detector.score(window(0, np.array([100.0]), np.array([5.0])))
    detector.learn(window(0, np.array([100.0]), np.array([100.0]), coverage=0.1), np.ones(1, dtype=np.bool_))
    after = detector.score(window(0, np.array([100.0]), np.array([5.0])))
    assert np.array_equal(before.expected, after.expected)


def test_empty_and_huge_windows_give_finite_scores() -> None:
    bank = make_bank(3)
    for i in range(200):
        n = np.array([0.0, 1e9, 1.0])
        scores = bank.step(window(10 * i, n, np.array([0.0, 1e9 * (i % 2), 1.0]))).scores
        for column in (scores.log_e, scores.expected, scores.low, scores.high):
            assert np.isfinite(column).all()


def test_batching_does_not_matter_and_growth_does_not_disturb() -> None:
    rows = stream(np.array([0.05, 0.2]), 300, 80.0, seed=8)
    both, alone = make_bank(2), make_bank(1)
    for i, (n, k) in enumerate(rows):
        if i == 100:
            alone.grow(2)
        wide = both.step(window(10 * i, n, k)).scores.log_e[0]
        narrow = alone.step(window(10 * i, n[: 1 if i < 100 else 2], k[: 1 if i < 100 else 2])).scores.log_e[0]
        assert wide == narrow
