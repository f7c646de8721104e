"""What emitters say they had against what arrived: exact through losses, repeats, restarts and rebalances."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.columns import SCORED, Layout, MaskCounts, Series, tables, windows
from monitor.counting import Counting
from monitor.metrics import Metrics
from monitor.store.expected import read_expected
from monitor.store.windows import read_mask_counts
from monitor.tally import Tally
from schemas.outcomes import Bit
from schemas.telemetry import Heartbeat
from tests.store.seeds import START, at, beat, cell, insert

Run = tuple[str, float, list[int]]
"""Emitter, when it started in seconds after START, and its interactions between one heartbeat and the next."""

Runs = st.lists(
    st.tuples(
        st.sampled_from(["e1", "e2", "e3"]),
        st.integers(0, 60).map(float),
        st.lists(st.integers(0, 50), min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda run: run[:2],
)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def beats_of(run: Run) -> list[dict[str, Any]]:
    """A heartbeat every ten seconds, each with the count since the start."""
    emitter, started, counts = run
    offset = int(emitter[1:]) * 1_000_000 + int(started) * 1_000
    return [
        beat(started + 10 * (i + 1), sum(counts[: i + 1]), offset + i, emitter, started) for i in range(len(counts))
    ]


def surviving(runs: list[Run], chance: random.Random) -> list[dict[str, Any]]:
    """What arrives of the heartbeats, in any order: the last of each run, one of its first minute, some others."""
    kept = []
    for run in runs:
        beats = beats_of(run)
        first = chance.randrange(min(len(beats), 6))  # one that is first heard of later only sets a mark
        kept += [one for i, one in enumerate(beats) if i in (first, len(beats) - 1) or chance.random() < 0.5]
    kept += [{**one, "offset": one["offset"] + 500} for one in kept if chance.random() < 0.3]
    chance.shuffle(kept)
    return kept


def empty(store: Client) -> None:
    for table in ("heartbeats", "windows"):
        store.command(f"TRUNCATE TABLE {table}")


@FEW
@given(runs=Runs, seed=st.integers(0, 2**32))
def test_whatever_is_lost_repeated_or_reordered_expected_is_the_last_count_of_each_run(
    store: Client, runs: list[Run], seed: int
) -> None:
    empty(store)
    chance = random.Random(seed)
    insert(store, "heartbeats", surviving(runs, chance))
    arrived = [cell(10 * i, Bit.INTERACTION, n=chance.randrange(1, 90), feature="chat") for i in range(12)]
    insert(store, "windows", arrived)
    [(expected, counted)] = store.query("SELECT sum(expected), sum(arrived) FROM completeness").result_rows
    assert expected == pytest.approx(sum(sum(counts) for _, _, counts in runs))
    assert counted == sum(row["n"] for row in arrived)


@FEW
@given(runs=Runs, seed=st.integers(0, 2**32))
def test_the_scorer_sees_the_same_whenever_it_asks_and_expects_no_more_than_the_view(
    store: Client, runs: list[Run], seed: int
) -> None:
    empty(store)
    insert(store, "heartbeats", surviving(runs, random.Random(seed)))
    insert(store, "windows", [cell(10 * i, Bit.INTERACTION, n=7, feature="chat") for i in range(20)])
    first = int(START.timestamp())
    found = read_expected(store, first, first + 200)
    for start in range(first, first + 200, 10):
        alone = read_expected(store, start, start + 10)
        assert alone == {key: pytest.approx(value) for key, value in found.items() if key[0] == start}
    view = store.query(
        "SELECT toUnixTimestamp(window_start), toString(feature), expected, arrived FROM completeness"
    ).result_rows
    for start, feature, wanted, arrived in view:
        if start < first + 200:
            assert found[start, feature][0] <= wanted + 1e-6
            assert found[start, feature][1] == arrived


def test_the_scorer_expects_what_heartbeats_say_that_come_in_time(store: Client) -> None:
    insert(store, "heartbeats", [beat(10, 10, 1), beat(20, 30, 2), beat(90, 100, 3)])
    insert(store, "windows", [cell(10 * i, Bit.INTERACTION, n=7, feature="chat") for i in range(9)])
    first = int(START.timestamp())
    found = read_expected(store, first, first + 90)
    wanted = [found[first + 10 * i, "chat"][0] for i in range(9)]
    assert wanted == pytest.approx([10.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 10.0])


def expected(store: Client) -> dict[datetime, float]:
    rows = store.query("SELECT window_start, expected FROM completeness WHERE expected > 0").result_rows
    return {row[0]: row[1] for row in rows}


def test_a_restarted_emitter_begins_anew_and_loses_what_it_had_counted_since_its_last_heartbeat(store: Client) -> None:
    insert(store, "heartbeats", [*beats_of(("e1", 0.0, [10, 20, 30])), *beats_of(("e1", 35.0, [5, 6]))])
    assert sum(expected(store).values()) == pytest.approx(60 + 11)
    assert expected(store)[at(20)] == 30.0


def test_a_count_that_falls_within_one_run_is_no_negative_expectation(store: Client) -> None:
    beats = [beat(10, 50, 1), beat(20, 40, 2), beat(30, 70, 3)]
    insert(store, "heartbeats", beats)
    assert expected(store) == {at(0): 50.0, at(20): 20.0}


def test_several_emitters_of_a_feature_add_up_and_one_that_falls_silent_takes_only_its_own_share(store: Client) -> None:
    insert(store, "heartbeats", [*beats_of(("e1", 0.0, [10] * 6)), *beats_of(("e2", 0.0, [4] * 3))])
    assert expected(store) == {at(10 * i): (14.0 if i < 3 else 10.0) for i in range(6)}


def test_a_silence_is_spread_over_it_when_the_emitter_is_heard_again(store: Client) -> None:
    insert(store, "heartbeats", [beat(10, 10, 1), beat(60, 110, 2)])
    assert expected(store) == pytest.approx({at(0): 10.0} | {at(10 * i): 20.0 for i in range(1, 6)})


def test_an_emitter_first_heard_of_late_in_its_life_sets_a_mark_and_is_counted_from_there(store: Client) -> None:
    insert(store, "heartbeats", [beat(300, 1_000_000, 1), beat(310, 1_000_007, 2)])
    assert expected(store) == {at(300): 7.0}


def window(store: Client, start: float) -> tuple[float, float, float]:
    """What the scorer sees of `chat` in one window: expected, missing, and the coverage of its other KPIs."""
    first = int(at(start).timestamp())
    counts: MaskCounts = read_mask_counts(store, first, first + 10)
    found = read_expected(store, first, first + 10)
    series = Series()
    series.add(["chat"])
    [(row, _, _)] = windows(tables(counts, found, first, first + 10, Layout(series)))
    last = SCORED.index("telemetry_completeness")
    return row.evaluated[last], row.bad[last], row.coverage[SCORED.index("field_completeness")]


def test_the_scorer_says_unknown_where_most_is_missing_and_bad_where_all_is(store: Client) -> None:
    insert(store, "heartbeats", beats_of(("e1", 0.0, [100, 100, 100])))
    insert(
        store,
        "windows",
        [cell(0, Bit.INTERACTION, n=100, feature="chat"), cell(10, Bit.INTERACTION, n=30, feature="chat")],
    )
    assert window(store, 0) == (100.0, 0.0, 1.0)
    assert window(store, 10) == (100.0, 70.0, 0.3)
    assert window(store, 20) == (100.0, 100.0, 0.0)


def test_more_arrivals_than_were_announced_are_no_negative_loss(store: Client) -> None:
    insert(store, "heartbeats", beats_of(("e1", 0.0, [100])))
    insert(store, "windows", [cell(0, Bit.INTERACTION, n=130, feature="chat")])
    assert window(store, 0) == (100.0, 0.0, 1.0)


# The counter of a worker, which Prometheus reads.

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Stream:
    """Heartbeats into the counters of one worker, which began at T0."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.counting = Counting(self.metrics, 100, T0)

    def hear(self, seconds: float, interactions: int, emitter: str = "e1", started: float = 0.0) -> None:
        said = Heartbeat(
            kind="heartbeat",
            event_id=f"beat-{emitter}-{round(seconds):06d}",
            ts=T0 + timedelta(seconds=seconds),
            emitter=emitter,
            started_at=T0 + timedelta(seconds=started),
            feature="chat",
            interactions=interactions,
        )
        self.counting.add("ai.telemetry", Tally(heartbeats=[said]))

    @property
    def total(self) -> float:
        return self.metrics.registry.get_sample_value("vigil_interactions_expected_total", {"feature": "chat"}) or 0.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_lost_repeated_and_reordered_heartbeats_end_at_the_last_count(counts: list[int], chance: random.Random) -> None:
    heard = Stream()
    beats = [(i + 1.0, sum(counts[: i + 1])) for i in range(len(counts))]
    kept = [one for one in beats[:-1] if chance.random() < 0.6] + [beats[-1]]
    kept += [one for one in kept if chance.random() < 0.3]
    chance.shuffle(kept)
    for seconds, interactions in kept:
        heard.hear(seconds, interactions)
    assert heard.total == sum(counts)


def test_every_run_and_every_emitter_is_counted_by_itself() -> None:
    heard = Stream()
    heard.hear(10, 100, "e1")
    heard.hear(10, 40, "e2", started=5)
    heard.hear(40, 7, "e1", started=35)
    assert heard.total == 147


def test_an_emitter_that_is_older_than_the_worker_sets_a_mark_first() -> None:
    heard = Stream()
    heard.hear(5, 1000, started=-20)  # which the worker before this one has counted
    heard.hear(15, 1010, started=-20)
    assert heard.total == 10


def test_workers_that_hand_an_emitter_over_and_back_count_no_interaction_twice() -> None:
    one, two = Stream(), Stream()
    one.hear(10, 100)
    one.counting.reassigned(T0 + timedelta(seconds=15))
    two.counting.reassigned(T0 + timedelta(seconds=15))
    for number in range(2, 100):
        two.hear(10 * number, 100 * number)
    for stream in (one, two):
        stream.counting.reassigned(T0 + timedelta(seconds=995))
    one.hear(1000, 10_000)
    one.hear(1010, 10_100)
    assert one.total + two.total == 10_100 - 2 * 100  # the intervals in which it was handed over are nobody's


def test_a_partition_that_went_to_another_worker_shows_no_lag_here() -> None:
    heard = Stream()
    heard.counting.lag("ai.telemetry", 0, 5_000)
    heard.counting.watermark("ai.telemetry", 0, 1.0)
    heard.counting.reassigned(T0)
    names = ("vigil_lag_records", "vigil_watermark_timestamp_seconds")
    assert [s for f in heard.metrics.registry.collect() if f.name in names for s in f.samples] == []
