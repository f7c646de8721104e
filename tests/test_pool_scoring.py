"""Features that share a model, scored as one series: found in the sum, the same after a restart, and bounded."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from detectors.knowledge import sorted_names
from monitor.columns import SCORED
from monitor.history import read_columns
from monitor.learner import Asked, Library
from monitor.policy import SHIPPED_POLICY, load_policy
from monitor.pool_history import read_pool_to_learn
from monitor.pool_windows import MOST_MEMBERS
from monitor.scoring import Scorer
from monitor.sources import Pools
from monitor.store.pools import read_lively_pools, read_pool_counts
from monitor.store.windows import insert_cells
from monitor.terms import terms_of
from monitor.windows import DIMENSIONS
from schemas.finding import Incident, Score
from schemas.kpis import KPIS
from tests.pool_traffic import LOOKED, Row, alike, fill
from tests.test_scorekeeper import START
from tests.test_take_up import Said, mark

BY = terms_of(load_policy(SHIPPED_POLICY))
POOL = "pool:model=m-1"
SIZE, SPIKE = 3000, 2400


def moving(last: int) -> Iterator[Row]:
    """Four features of m-1, a spike in all of them, a feature that comes to m-1 from m-2, and one that nobody named."""
    yield from alike(4, 30.0, 0, last, lambda window: 0.05 * (3.0 if SPIKE <= window < SPIKE + 90 else 1.0))
    for window in range(last):
        yield window, "mover", "m-1" if window > 1200 else "m-2", 40.0, 0.2
        yield window, "alone", "m-3", 40.0, 0.1
        yield window, "silent", "", 40.0, 0.1
        yield window, "folded", "other", 40.0, 0.1


@pytest.fixture(name="past")
def _past(store: Client) -> Client:
    fill(store, START, moving(SIZE), 5, "past")
    return store


def begun(store: Client, library: Library, window: int, still_open: list[Incident] | None = None) -> Scorer:
    scorer = Scorer(BY, library, START + 10 * window, 32, source=Pools(("model",)))
    scorer.take_up(store, still_open or [], patience=60.0)
    return scorer


def on(scorer: Scorer, store: Client, window: int) -> Said:
    said = Said()
    while scorer.until < START + 10 * window:
        calendar = scorer.calendar
        asked = {name: Asked(at, calendar.first[name]) for name, at in calendar.due(scorer.until).items()}
        scorer.library.get(store, BY, asked, 60.0)  # as if there were time
        found = scorer.advance(store, START + 10 * window)
        said.scores += found.scores
        said.incidents += found.incidents
    return said


def of_refusals(said: Said) -> list[Score]:
    return [score for score in said.scores if score.kpi == "refusal_rate"]


@pytest.mark.parametrize("restart", [900, 1501, SPIKE + 20, SPIKE + 110])
@pytest.mark.parametrize("meant", [None, 1800])
def test_a_restart_changes_no_bit_of_what_is_said_of_a_pool(
    past: Client, library: Library, restart: int, meant: int | None
) -> None:
    if meant is not None:
        mark(past, meant, "small-02")
    through = on(begun(past, library, 100), past, SIZE)
    again = on(begun(past, library, restart, through.open_at(restart)), past, SIZE)
    assert len(again.scores) > 0.8 * (SIZE - restart)
    assert again.after(restart).scores == through.after(restart).scores
    resolved = [one for one in through.incidents if one.state == "resolved"]
    assert {(one.feature, one.kpi, one.severity) for one in resolved} == {(POOL, "refusal_rate", "warning")}
    if restart < SPIKE:
        assert again.after(SPIKE) == through.after(SPIKE)


def test_a_pool_of_one_and_what_names_no_model_are_not_scored(past: Client, library: Library) -> None:
    assert {one.feature for one in read_lively_pools(past, ("model",), START, START + 10 * SIZE)} == {POOL}
    said = on(begun(past, library, 100), past, SIZE)
    assert {score.feature for score in said.scores} == {POOL}
    assert {score.kpi for score in said.scores}.isdisjoint(SCORED[len(KPIS) :])


def test_a_feature_that_is_new_in_a_pool_is_in_it_when_the_pool_has_learned_its_rate(
    past: Client, library: Library
) -> None:
    scorer = begun(past, library, 1300)
    before = of_refusals(on(scorer, past, 1400))
    assert 0.9 * 120 < np.mean([score.evaluated for score in before]) < 1.1 * 120
    after = of_refusals(on(scorer, past, 2200).after(2100))
    assert 0.9 * 160 < np.mean([score.evaluated for score in after]) < 1.1 * 160
    assert {score.state for score in after} <= {"OK", "WARN"}


def test_a_feature_whose_change_is_meant_leaves_its_pool_until_that_has_learned_again(
    past: Client, library: Library
) -> None:
    mark(past, 1000, "small-02")
    mark(past, 1000, "alone")
    said = on(begun(past, library, 900), past, 1500)
    evaluated = {(score.window_start.timestamp() - START) // 10: score.evaluated for score in of_refusals(said)}
    assert np.mean([evaluated[window] for window in range(900, 1006)]) > 1.1 * 90
    assert np.mean([evaluated[window] for window in range(1006, 1100)]) < 1.1 * 90


def test_the_rows_of_a_pool_are_those_of_a_feature_whose_categories_are_its_members(store: Client) -> None:
    fill(store, START, alike(3, 5.0, 0, 700, lambda _: 0.2), 7, "pool")
    columns: dict[str, list[object]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    counts = read_pool_counts(store, ("model",), START, START + 7000)
    for at, name, mask, n in zip(counts.window_start, counts.stratum, counts.mask, counts.n, strict=True):
        said = {"window_start": int(at), "feature": "twin", "prompt_category": name, "mask": int(mask)}
        for column, values in columns.items():
            values.append((said | {"n": int(n), "weight": int(n)}).get(column, ""))
    half = {"window_start": START + 50, "feature": "twin", "prompt_category": "small-01", "model": "m-9"}
    for column, values in columns.items():  # many without an evaluation: the window is unknown, in the pool too
        values.append((half | {"mask": int(LOOKED) & 1, "n": 900, "weight": 900}).get(column, ""))
    insert_cells(store, "test", columns, "test", "twin")
    again = {name: values[-1:] for name, values in columns.items()} | {"feature": ["small-01"], "model": ["m-1"]}
    insert_cells(store, "test", again | {"prompt_category": [""]}, "test", "unknown")
    pool = read_pool_to_learn(store, POOL, START, START + 7000, BY.floor)
    [(_, twin)] = read_columns(store, ["twin"], START, START + 7000, None, BY.floor)
    place = SCORED.index("refusal_rate")
    for mine, its in ((pool, twin), (pool.between(START + 100, START + 900), twin.between(START + 100, START + 900))):
        ours, theirs = mine.rows(place), its.rows(place)
        assert ours.strata is not None
        assert theirs.strata is not None
        assert (ours.start, ours.strata.names) == (theirs.start, theirs.strata.names)
        for name in ("evaluated", "bad"):
            assert (getattr(ours, name) == getattr(theirs, name)).all()
            assert (getattr(ours.strata, name) == getattr(theirs.strata, name)).all()
    assert pool.rows(place).evaluated[5] == 0.0
    assert not pool.rows(SCORED.index("arrivals")).evaluated.any()


def test_a_shift_of_traffic_between_members_opens_nothing_though_the_rate_of_all_rises(
    store: Client, library: Library
) -> None:
    def shifting() -> Iterator[Row]:
        for window in range(SIZE):
            yield window, "calm", "m-1", 60.0 if window < SPIKE else 20.0, 0.02
            yield window, "usual", "m-1", 60.0, 0.1
            yield window, "harsh", "m-1", 20.0 if window < SPIKE else 60.0, 0.3

    fill(store, START, shifting(), 11, "shift")
    said = on(begun(store, library, 2000), store, SIZE)
    rates = {score.window_start.timestamp(): score.bad / score.evaluated for score in of_refusals(said)}
    before = [rate for at, rate in rates.items() if at < START + 10 * SPIKE]
    after = [rate for at, rate in rates.items() if at >= START + 10 * SPIKE]
    assert np.mean(after) > 1.5 * np.mean(before)
    assert said.incidents == []
    assert {score.state for score in of_refusals(said)} <= {"OK", "WARN"}


def test_a_model_that_one_feature_names_takes_no_place_among_the_pools(store: Client, library: Library) -> None:
    rows = ((window, f"f-{number}", f"m-{number:02}", 2.0, 0.1) for window in range(30) for number in range(50))
    fill(store, START, rows, 9, "alone")
    scorer = begun(store, library, 20)
    on(scorer, store, 30)
    assert scorer.series.features == []


def test_a_full_pool_keeps_its_liveliest_members_and_says_how_many_it_left_out(store: Client, library: Library) -> None:
    def crowd() -> Iterator[Row]:
        for window in range(640):
            for number in range(MOST_MEMBERS + 3):
                yield window, f"f-{number:02}", "m-1", 2.0 if number < 3 else 6.0, 0.1

    fill(store, START, crowd(), 9, "crowd")
    members = read_pool_to_learn(store, POOL, START, START + 5000, BY.floor).members
    assert members == sorted_names([f"f-{number:02}" for number in range(3, MOST_MEMBERS + 3)])
    scorer = begun(store, library, 620)
    on(scorer, store, 640)
    assert scorer.left_out == 3


def test_more_pools_than_the_cap_are_counted_and_not_scored(store: Client, library: Library) -> None:
    rows = ((window, f"f-{number}", f"m-{model:02}", 2.0, 0.1)
            for window in range(30) for model in range(40) for number in range(2))  # fmt: skip
    fill(store, START, chain(rows), 9, "models")
    scorer = begun(store, library, 20)
    on(scorer, store, 30)
    assert (len(scorer.series.features), scorer.not_scored) == (32, 8)


def test_without_dimensions_there_are_no_pools(past: Client, library: Library) -> None:
    scorer = Scorer(BY, library, START + 10_000, 32, source=Pools(()))
    scorer.take_up(past, [], 1.0)
    assert scorer.advance(past, START + 10_100).scores == []
    assert scorer.series.features == []
