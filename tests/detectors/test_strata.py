from dataclasses import dataclass

import numpy as np
import pytest

from detectors.backtest import run
from detectors.base import Window
from detectors.learning import learn
from detectors.mixture import StateSpaceDetector
from detectors.rolling import Columns, roll
from detectors.season import mixed, mixed_rates
from detectors.strata import Mixed, Reference, extended, learn_strata, mix_columns, mix_of, shift_of
from tests.detectors.streams import DAY, START, WEEK, Floats, changed, stream

NAMES = ("coding", "health", "news", "")
RATES = np.array([0.01, 0.05, 0.1, 0.3])
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
MOVED = np.array([0.3, 0.25, 0.25, 0.2])


@dataclass(frozen=True)
class Counts:
    """Of shape (strata, windows), from START on."""

    evaluated: Floats
    bad: Floats

    def part(self, first: int, end: int) -> "Counts":
        return Counts(self.evaluated[:, first:end], self.bad[:, first:end])


def counts(
    seed: int, shares: Floats, factor: float | Floats = 1.0, events: float = 200.0, rates: Floats = RATES
) -> Counts:
    """Windows with these shares, shape (strata, windows)."""
    chance = np.random.default_rng(seed)
    n = chance.poisson(events * shares)
    k = chance.binomial(n, np.minimum(rates[:, None] * factor, 0.95))
    return Counts(n.astype(np.float64), k.astype(np.float64))


def steady(windows: int, shares: Floats = SHARES) -> Floats:
    return np.repeat(shares[:, None], windows, axis=1)


def learned(past: Counts, names: tuple[str, ...] = NAMES) -> Reference:
    return learn_strata(names, START, 10, past.evaluated, past.bad)


def mixed_of(reference: Reference, seen: Counts, names: tuple[str, ...] = NAMES) -> Mixed:
    return mix_of(reference, names, seen.evaluated, seen.bad)


def opened(past: Counts, live: Counts, adjusted: bool) -> list[int]:
    """Windows of `live` in which an incident opens."""
    start = START + 10 * WEEK
    if adjusted:
        reference = learned(past)
        old, new = mixed_of(reference, past), mixed_of(reference, live)
        baseline = learn(START, old.evaluated, old.bad, mix=old.mix)
        return list(run(baseline, start, new.evaluated, new.bad, mix=new.mix).opened)
    baseline = learn(START, past.evaluated.sum(axis=0), past.bad.sum(axis=0))
    return list(run(baseline, start, live.evaluated.sum(axis=0), live.bad.sum(axis=0)).opened)


@pytest.fixture(name="past", scope="module")
def _past() -> Counts:
    return counts(1, steady(WEEK))


def test_each_stratum_has_its_rate_and_the_mean_is_that_of_all(past: Counts) -> None:
    reference = learned(past)
    assert reference.counted.all()
    assert reference.rates == pytest.approx(RATES, rel=0.02)
    assert reference.mean == pytest.approx(past.bad.sum() / past.evaluated.sum(), rel=1e-3)


def test_where_strata_do_not_differ_their_rates_are_drawn_together() -> None:
    alike = np.full(4, 0.02)
    past = counts(2, steady(2000), events=20.0, rates=alike)
    raw = past.bad.sum(axis=1) / past.evaluated.sum(axis=1)
    assert np.ptp(learned(past).rates) < 0.35 * np.ptp(raw)


def test_a_stratum_of_the_night_is_not_held_against_the_day() -> None:
    night = np.sin(2.0 * np.pi * np.arange(WEEK) / DAY)
    shares = np.array([0.5 + 0.4 * night, 0.5 - 0.4 * night])
    past = counts(3, shares, 1.0 + 0.5 * night, rates=np.array([0.05, 0.05]))
    raw = past.bad.sum(axis=1) / past.evaluated.sum(axis=1)
    rates = learned(past, ("night", "day")).rates
    assert raw[0] / raw[1] > 1.3
    assert rates[0] / rates[1] == pytest.approx(1.0, abs=0.03)


def test_the_mix_multiplies_the_odds_of_the_mean_to_those_of_the_window(past: Counts) -> None:
    reference = learned(past)
    seen = Counts(1000.0 * MOVED[:, None], np.zeros((4, 1)))
    mix = float(mixed_of(reference, seen).mix[0])
    assert mixed(reference.mean, mix) == pytest.approx(float(reference.rates @ MOVED))
    same = Counts(past.evaluated.sum(axis=1, keepdims=True), np.zeros((4, 1)))
    assert float(mixed_of(reference, same).mix[0]) == pytest.approx(1.0)


def test_good_and_bad_events_see_the_same_mix() -> None:
    for rate in (0.01, 0.3, 0.9):
        for mix in (0.2, 3.0):
            assert mixed(1.0 - rate, 1.0 / mix) == pytest.approx(1.0 - mixed(rate, mix))


def test_no_mix_makes_a_rate_other_than_a_rate() -> None:
    found = mixed_rates(np.array([1e-9, 0.999, 0.5]), np.array([1e-12, 1e12, 1e300]))
    assert ((found > 0.0) & (found < 1.0)).all()


def test_a_window_gives_the_same_bits_alone_and_among_others(past: Counts) -> None:
    reference = learned(past)
    whole = mixed_of(reference, past.part(0, 500))
    for i in range(500):
        alone = mixed_of(reference, past.part(i, i + 1))
        assert alone.mix[0] == whole.mix[i]


def test_many_series_at_once_give_the_bits_of_each_alone(past: Counts) -> None:
    whole = learned(past)
    series = [(NAMES, whole), (NAMES, learned(past.part(0, 5000))), (NAMES[:2], whole), ((*NAMES[:3], "new"), whole)]
    rates = np.full((4, len(series)), np.nan)
    evaluated, bad = np.zeros((4, len(series))), np.zeros((4, len(series)))
    for i, (names, reference) in enumerate(series):
        size = len(names)
        rates[:size, i] = reference.of(names)
        evaluated[:size, i], bad[:size, i] = past.evaluated[:size, i], past.bad[:size, i]
    found = mix_columns(rates, np.array([reference.mean for _, reference in series]), evaluated, bad)
    for i, (names, reference) in enumerate(series):
        size = len(names)
        alone = mix_of(reference, names, evaluated[:size, i : i + 1], bad[:size, i : i + 1])
        for name in ("evaluated", "bad", "mix", "unknown"):
            assert getattr(found, name)[i] == getattr(alone, name)[0]
    assert found.unknown[3] > 0.0


def test_empty_windows_have_mix_one_and_nothing_unknown(past: Counts) -> None:
    found = mixed_of(learned(past), Counts(np.zeros((4, 3)), np.zeros((4, 3))))
    assert (found.mix == 1.0).all()
    assert (found.unknown == 0.0).all()


def test_events_of_a_new_stratum_are_unknown_and_not_counted(past: Counts) -> None:
    seen = Counts(np.array([[80.0], [60.0], [40.0], [20.0], [50.0]]), np.array([[1.0], [3.0], [4.0], [6.0], [50.0]]))
    found = mixed_of(learned(past), seen, (*NAMES, "new"))
    assert found.evaluated[0] == 200.0
    assert found.bad[0] == 14.0
    assert found.unknown[0] == pytest.approx(0.2)


def test_a_stratum_that_was_hardly_seen_is_not_counted() -> None:
    shares = np.append(SHARES, 2e-6)
    past = counts(4, steady(WEEK, shares), rates=np.append(RATES, 0.9))
    assert past.evaluated[-1].sum() > 0.0
    assert list(learned(past, (*NAMES, "rare")).counted) == [True] * 4 + [False]


def test_where_hardly_any_stratum_is_well_known_all_are_counted() -> None:
    past = counts(5, steady(400), events=3.0)
    reference = learned(past)
    assert (reference.spread > 0.15).any()
    assert reference.counted.all()


def test_without_events_nothing_is_known_and_nothing_fails() -> None:
    reference = learned(Counts(np.zeros((4, 100)), np.zeros((4, 100))))
    assert not reference.counted.any()
    assert (mixed_of(reference, Counts(np.ones((4, 2)), np.zeros((4, 2)))).unknown == 1.0).all()


def test_a_new_stratum_is_counted_once_a_day_has_shown_its_rate_and_others_stay(past: Counts) -> None:
    reference = learned(past)
    names = (*NAMES, "new")
    later = counts(6, steady(DAY, np.append(SHARES, 0.1)), rates=np.append(RATES, 0.2))
    found = extended(reference, names, START + 10 * WEEK, 10, later.evaluated, later.bad)
    assert found.of(names)[-1] == pytest.approx(0.2, rel=0.03)
    assert (found.of(NAMES) == reference.of(NAMES)).all()
    assert found.mean == reference.mean
    unchanged = extended(reference, NAMES, START, 10, past.evaluated, past.bad)
    assert unchanged is reference


def test_an_incident_while_a_stratum_is_new_does_not_enter_its_rate_where_it_is_everywhere(past: Counts) -> None:
    names = (*NAMES, "new")
    later = counts(7, steady(DAY, np.append(SHARES, 0.1)), 2.0, rates=np.append(RATES, 0.2))
    found = extended(learned(past), names, START + 10 * WEEK, 10, later.evaluated, later.bad)
    assert found.of(names)[-1] == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("wander", [0.0, 0.1])
@pytest.mark.parametrize("flipped", [False, True], ids=["bad", "good"])
def test_without_strata_every_bit_is_what_it_was(wander: float, flipped: bool) -> None:
    size = WEEK + 2000
    seen = stream(8, size, wander=wander, factor=changed(size, WEEK + 500, WEEK + 700, 4.0))
    n, k = seen.evaluated, seen.evaluated - seen.bad if flipped else seen.bad
    ones = np.ones(size)
    plain, with_ones = learn(START, n[:WEEK], k[:WEEK]), learn(START, n[:WEEK], k[:WEEK], mix=ones[:WEEK])
    assert (plain.parameters == with_ones.parameters).all()
    start = START + 10 * WEEK
    without, other = run(plain, start, n[WEEK:], k[WEEK:]), run(plain, start, n[WEEK:], k[WEEK:], mix=ones[WEEK:])
    assert len(without.opened) > 0
    assert (without.log_e == other.log_e).all()
    assert (without.state == other.state).all()


@pytest.mark.parametrize("rates", [RATES, 1.0 - RATES], ids=["bad rarer", "good rarer"])
def test_a_shift_of_the_mix_pages_only_without_adjustment(rates: Floats) -> None:
    past = counts(9, steady(WEEK), rates=rates)
    live = counts(10, np.concatenate([steady(500), steady(3000, MOVED)], axis=1), rates=rates)
    assert opened(past, live, adjusted=True) == []
    assert 500 <= opened(past, live, adjusted=False)[0] < 560


def test_a_change_of_the_rates_is_found_while_the_mix_moves_the_other_way(past: Counts) -> None:
    better = np.array([0.52, 0.32, 0.12, 0.04])
    factor = np.repeat([1.0, 1.6], 500)
    live = counts(11, np.concatenate([steady(500), steady(500, better)], axis=1), factor)
    found = opened(past, live, adjusted=True)
    assert 500 <= found[0] < 530
    assert not [i for i in opened(past, live, adjusted=False) if i < 530]


def test_a_mix_that_moves_every_day_is_no_season_of_the_rates() -> None:
    turn = np.sin(2.0 * np.pi * np.arange(WEEK) / DAY)
    shares = np.array([0.7 + 0.2 * turn, 0.3 - 0.2 * turn])
    past = counts(12, shares, rates=np.array([0.02, 0.2]))
    columns = mixed_of(learned(past, ("a", "b")), past, ("a", "b"))
    adjusted = learn(START, columns.evaluated, columns.bad, mix=columns.mix)
    plain = learn(START, columns.evaluated, columns.bad)
    assert np.abs(adjusted.season.coefficients[1:]).max() < 0.03
    assert np.abs(plain.season.coefficients[1:]).max() > 0.3


def test_live_windows_and_a_backtest_with_a_mix_give_the_same_bits(past: Counts) -> None:
    reference = learned(past)
    old = mixed_of(reference, past)
    baseline = learn(START, old.evaluated, old.bad, mix=old.mix)
    live = mixed_of(reference, counts(13, steady(300, MOVED)))
    start = START + 10 * WEEK
    whole = run(baseline, start, live.evaluated, live.bad, mix=live.mix)
    detector = StateSpaceDetector(1)
    detector.adopt(0, baseline)
    for i in range(300):
        n, k, mix = (column[i : i + 1] for column in (live.evaluated, live.bad, live.mix))
        window = Window(start + 10 * i, n, k, np.ones(1), np.zeros(1), mix)
        scores = detector.score(window)
        assert scores.log_e[0] == max(whole.log_e[i], 0.0)
        assert scores.expected[0] == whole.expected[i]
        detector.learn(window, np.ones(1, dtype=np.bool_))


def test_rolling_takes_the_mix_along(past: Counts) -> None:
    part = past.part(0, 2 * DAY)
    live = counts(14, steady(DAY, MOVED))
    both = Counts(*(np.concatenate(pair, axis=1) for pair in ((part.evaluated, live.evaluated), (part.bad, live.bad))))
    found = mixed_of(learned(part), both)
    begin = START + 20 * DAY

    def pages(mix: Floats | None) -> int:
        columns = Columns(START, 10, found.evaluated[None], found.bad[None], mix)
        return sum(len(leg.run.opened) for leg in roll("chat", columns, begin, float(WEEK)))

    assert pages(found.mix[None]) == 0
    assert pages(None) > 0


def test_the_mix_as_a_series_shows_its_shift_and_is_in_whole_events(past: Counts) -> None:
    reference = learned(past)
    n, heavy = shift_of(reference, NAMES, past.evaluated)
    assert (heavy == np.rint(heavy)).all()
    assert ((heavy >= 0.0) & (heavy <= n)).all()
    baseline = learn(START, n, heavy)
    live = counts(15, np.concatenate([steady(1000), steady(1000, MOVED)], axis=1), 3.0)
    found = run(baseline, START + 10 * WEEK, *shift_of(reference, NAMES, live.evaluated))
    assert list(found.up) == [True]
    assert 1000 <= found.opened[0] < 1100
