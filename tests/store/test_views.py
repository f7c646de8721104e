import random
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.kpis import CATALOGUE, counts
from schemas.outcomes import CATEGORIES, Bit, category_bit
from schemas.probes import PROBE_OUTCOMES, is_probe, probe_outcome
from tests.store.seeds import at, beat, cell, insert, span

BITS = [value for name, value in vars(Bit).items() if not name.startswith("_")]
BITS += [category_bit(category) for category in CATEGORIES]


def some_mask(chance: random.Random) -> int:
    mask = 0
    for bit in BITS:
        if chance.random() < (0.1 if bit == Bit.SYNTHETIC else 0.5):
            mask |= bit
    return mask


def test_kpi_views_count_what_python_counts(store: Client) -> None:
    chance = random.Random(7)  # a test
    masks = [some_mask(chance) for _ in range(12)]
    rows = [
        cell(
            chance.choice((0, 10, 20)),
            chance.choice(masks),
            n=chance.randrange(1, 9),
            weight=chance.randrange(9, 99),
            feature=chance.choice(("chat", "search")),
            model=chance.choice(("m1", "m2")),
        )
        for _ in range(200)
    ]
    insert(store, "windows", rows)

    slices: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        for kpi in CATALOGUE.values():
            bad, evaluated, population = counts(kpi, row["mask"])
            key = (row["window_start"], row["feature"], row["model"], kpi.name)
            slices[(*key, "bad")] += bad * row["n"]
            slices[(*key, "evaluated")] += evaluated * row["n"]
            slices[(*key, "population")] += population * row["n"]
            slices[(*key, "weighted_bad")] += bad * row["weight"]
            slices[(*key, "weighted_evaluated")] += evaluated * row["weight"]
    sums = ("bad", "evaluated", "population", "weighted_bad", "weighted_evaluated")
    got: Counter[tuple[Any, ...]] = Counter()
    query = f"SELECT window_start, feature, model, kpi, {', '.join(sums)} FROM kpi_slices"  # a test
    for start, feature, model, name, *values in store.query(query).result_rows:
        for what, value in zip(sums, values, strict=True):
            got[start, feature, model, name, what] += value
    assert +got == +slices

    by_window: Counter[tuple[Any, ...]] = Counter()
    for (start, feature, _model, name, what), value in slices.items():
        by_window[start, feature, name, what] += value
    query = f"SELECT window_start, feature, kpi, rate, {', '.join(sums)} FROM kpi_windows"  # a test
    seen: Counter[tuple[Any, ...]] = Counter()
    for start, feature, name, rate, *values in store.query(query).result_rows:
        seen.update({(start, feature, name, what): value for what, value in zip(sums, values, strict=True)})
        bad, evaluated, population = values[:3]
        known = evaluated and (population == 0 or evaluated / population >= CATALOGUE[name].coverage_floor)
        assert rate == (bad / evaluated if known else None)
    assert +seen == +by_window


def test_a_rate_without_evaluations_is_unknown_and_not_zero(store: Client) -> None:
    insert(store, "windows", [cell(0, Bit.INTERACTION, n=5, feature="chat")])
    rows = store.query("SELECT rate, evaluated, population FROM kpi_windows WHERE kpi = 'refusal_rate'").result_rows
    assert rows == [(None, 0, 5)]


def test_below_the_coverage_floor_a_rate_is_withheld(store: Client) -> None:
    looked = Bit.INTERACTION | Bit.REFUSAL_EVALUATED
    insert(store, "windows", [cell(0, Bit.INTERACTION, n=6, feature="chat"), cell(0, looked, n=4, feature="chat")])
    insert(store, "windows", [cell(10, Bit.INTERACTION, n=5, feature="chat"), cell(10, looked, n=5, feature="chat")])
    query = "SELECT coverage, rate FROM kpi_windows WHERE kpi = 'refusal_rate' ORDER BY window_start"
    assert store.query(query).result_rows == [(0.4, None), (0.5, 0.0)]


def test_kpi_events_name_the_kpis_of_each_event_once(store: Client) -> None:
    chance = random.Random(3)  # a test
    masks = [some_mask(chance) for _ in range(20)]
    rows = [
        {"topic": "t", "partition": 0, "offset": i, "mask": mask, "kind": "interaction", "ts": at(i), "feature": "chat"}
        for i, mask in enumerate(masks)
    ]
    insert(store, "telemetry", rows)
    insert(store, "telemetry", rows[:5])  # written twice, there once
    got = store.query("SELECT offset, bad_kpis, evaluated_kpis FROM kpi_events ORDER BY offset").result_rows
    expected = [
        (
            offset,
            [kpi.name for kpi in CATALOGUE.values() if counts(kpi, mask)[0]],
            [kpi.name for kpi in CATALOGUE.values() if counts(kpi, mask)[1]],
        )
        for offset, mask in enumerate(masks)
        if not mask & Bit.SYNTHETIC
    ]
    assert [tuple(row) for row in got] == expected
    assert store.query("SELECT count() FROM events").result_rows == [(20,)]


def test_the_view_of_probes_judges_as_python_does(store: Client) -> None:
    chance = random.Random(11)  # a test
    masks = [some_mask(chance) | (Bit.SYNTHETIC if i % 2 else 0) for i in range(300)]
    masks += [Bit.INTERACTION | Bit.SYNTHETIC | more for more in (0, Bit.BLOCKED, Bit.BLOCKED | Bit.GUARDRAIL_ERROR)]
    rows = [
        {"topic": "t", "partition": 0, "offset": i, "mask": mask, "kind": "interaction", "ts": at(i), "feature": "chat"}
        for i, mask in enumerate(masks)
    ]
    insert(store, "telemetry", rows)
    got = store.query("SELECT offset, result FROM probes ORDER BY offset").result_rows
    expected = [(offset, probe_outcome(mask)) for offset, mask in enumerate(masks) if is_probe(mask)]
    assert [tuple(row) for row in got] == expected
    assert {result for _, result in expected} == {*PROBE_OUTCOMES}


def test_the_view_of_probes_names_the_guardrails_that_looked(store: Client) -> None:
    fields = ("version", "stage", "category", "verdict", "action")
    guardrails = [
        (name, *("" for _ in fields), outcome, None, None) for name, outcome in (("a", "evaluated"), ("b", "error"))
    ]
    probe = {"topic": "t", "partition": 0, "offset": 1, "mask": Bit.INTERACTION | Bit.SYNTHETIC, "ts": at(1)}
    insert(store, "telemetry", [probe | {"guardrails": guardrails, "synthetic": "probe-0001"}])
    (row,) = store.query("SELECT probe, looked, did_not_look FROM probes").result_rows
    assert tuple(row) == ("probe-0001", ["a"], ["b"])


def completeness(store: Client) -> dict[datetime, tuple[float, int, float | None]]:
    query = "SELECT window_start, expected, arrived, completeness FROM completeness WHERE feature = 'chat'"
    return {row[0]: tuple(row[1:]) for row in store.query(query).result_rows}


def test_completeness_is_exact_on_window_boundaries(store: Client) -> None:
    per_window = [7, 11, 3, 0, 20]
    total, beats = 0, []
    for number, count in enumerate(per_window, start=1):
        total += count
        beats.append(beat(number * 10, total, offset=number))
    insert(store, "heartbeats", beats)
    arrived = [cell(i * 10, Bit.INTERACTION, n=count, feature="chat") for i, count in enumerate(per_window) if count]
    arrived[1]["n"] = 10  # one of eleven was lost
    arrived.append(cell(0, Bit.INTERACTION | Bit.SYNTHETIC, n=5, feature="chat"))
    arrived.append(cell(0, Bit.POLICY_EVALUATED, n=5, feature="chat"))  # a later verdict is no interaction
    insert(store, "windows", arrived)
    got = completeness(store)
    assert got == {
        at(0): (7.0, 7, 1.0),
        at(10): (11.0, 10, 10 / 11),
        at(20): (3.0, 3, 1.0),
        at(30): (0.0, 0, None),
        at(40): (20.0, 20, 1.0),
    }


def expected_by_hand(beats: list[dict[str, Any]]) -> Counter[datetime]:
    """The same, slowly: second by second, as every time below is a whole second."""
    out: Counter[datetime] = Counter()
    series: dict[tuple[str, datetime], dict[datetime, int]] = {}
    for one in beats:
        series.setdefault((one["emitter"], one["started_at"]), {})[one["ts"]] = one["interactions"]
    for (_emitter, started), totals in series.items():
        previous, count = started, 0
        for ts in sorted(totals):
            seconds = round((ts - previous).total_seconds())
            for second in range(seconds):
                offset = (previous - at(0)).total_seconds() + second
                out[at(offset // 10 * 10)] += (totals[ts] - count) / seconds  # type: ignore[assignment]
            previous, count = ts, totals[ts]
    return out


def test_lost_repeated_and_reordered_heartbeats_lose_nothing(store: Client) -> None:
    chance = random.Random(11)  # a test
    beats: list[dict[str, Any]] = []
    for emitter, started in (("e1", 0), ("e2", 4), ("e1", 133)):
        total = 0
        for number in range(1, 13):
            total += chance.randrange(0, 50)
            beats.append(beat(started + number * 10, total, len(beats), emitter, started))
    last = {(one["emitter"], one["started_at"]): one["interactions"] for one in beats}
    kept = [one for i, one in enumerate(beats) if i % 12 == 11 or chance.random() < 0.6]
    kept += [{**one, "offset": 1000 + i} for i, one in enumerate(kept[:9])]
    chance.shuffle(kept)
    for one in kept:
        insert(store, "heartbeats", [one])
    got = {start: row[0] for start, row in completeness(store).items()}
    by_hand = expected_by_hand(kept)
    assert got == pytest.approx({start: value for start, value in by_hand.items() if start in got})
    assert sum(got.values()) == pytest.approx(sum(last.values()))


def test_an_emitter_that_started_years_ago_makes_no_million_rows(store: Client) -> None:
    year = 366 * 86_400.0
    insert(store, "heartbeats", [beat(0, 10**9, 1, started=-year), beat(10, 10**9 + 4, 2, started=-year)])
    got = completeness(store)
    assert {start: row[0] for start, row in got.items()} == {at(0): 4.0}


def test_a_silence_of_a_year_makes_no_million_rows(store: Client) -> None:
    year = 366 * 86_400.0
    insert(store, "heartbeats", [beat(-year + 10, 10, 1, started=-year), beat(0, 10**9, 2, started=-year)])
    assert len(completeness(store)) == 7 * 8640 + 1


def test_the_offset_audit_sees_gaps_and_overlaps_and_forgives_idle_ranges(store: Client) -> None:
    rows = [span(0, 100, 109), span(0, 110, 119), span(0, 500, 499)]  # whole, and idle far ahead
    rows += [span(1, 0, 9), span(1, 12, 19)]  # two are missing
    rows += [span(2, 0, 9), span(2, 9, 19)]  # one is counted twice
    rows += [span(3, 5, 4)]  # only ever idle
    insert(store, "windows", rows)
    names = "partition, ranges, first, last, claimed, expected, gap"
    got = store.query(f"SELECT {names} FROM offset_audit ORDER BY partition").result_rows  # a test
    assert got == [
        (0, 2, 100, 119, 20, 20, 0),
        (1, 2, 0, 19, 18, 20, 2),
        (2, 2, 0, 19, 21, 20, -1),
        (3, 0, 0, 0, 0, 0, 0),
    ]


def test_watermarks_are_the_newest_of_each_partition(store: Client) -> None:
    insert(store, "windows", [span(0, 0, 9, watermark=50), span(0, 10, 9, watermark=70), span(1, 0, 4, watermark=60)])
    got = store.query("SELECT partition, watermark, offset_to FROM watermarks ORDER BY partition").result_rows
    assert got == [(0, at(70), 9), (1, at(60), 4)]


def incident(state: str, updated: float, number: int = 1) -> dict[str, Any]:
    return {
        "incident_id": f"{number:032x}",
        "feature": "chat",
        "kpi": "refusal_rate",
        "state": state,
        "onset": at(0),
        "detected_at": at(60),
        "updated_at": at(updated),
    }


def test_an_incident_is_its_newest_row(store: Client) -> None:
    insert(store, "incidents", [incident("open", 60)])
    insert(store, "incidents", [incident("resolved", 120), incident("open", 130, number=2)])
    insert(store, "incidents", [incident("acknowledged", 90)])
    listed = store.query("SELECT incident_id, state FROM incident_list ORDER BY incident_id").result_rows
    assert listed == [(f"{1:032x}", "resolved"), (f"{2:032x}", "open")]
    assert store.query("SELECT state FROM current_incidents").result_rows == [("open",)]
