import random
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerts.queries import NAMES, load
from schemas.outcomes import Bit
from tests.store.seeds import START, at, beat, cell, insert, span

GOOD = Bit.INTERACTION | Bit.REFUSAL_EVALUATED
BAD = GOOD | Bit.REFUSED
ONSET = 3600
END = 5400


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def ask(store: Client, name: str, **parameters: Any) -> list[dict[str, Any]]:
    result = store.query(load(name).text, parameters=parameters)
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def traffic(seed: int, *culprits: dict[str, str]) -> list[dict[str, Any]]:
    """An hour and a half, 2 % refused; after an hour 30 % where all dimensions of one of these fit."""
    chance = random.Random(seed)  # a test
    rows = []
    for start in range(0, END, 10):
        for model in ("m1", "m2"):
            for region in ("eu", "us"):
                for segment in ("free", "paid"):
                    cut = {"model": model, "region": region, "user_segment": segment, "release": "r7"}
                    hit = start >= ONSET and any(culprit.items() <= cut.items() for culprit in culprits)
                    bad = sum(chance.random() < (0.3 if hit else 0.02) for _ in range(10))
                    rows += [
                        {**cell(start, mask, n=n, feature="chat"), **cut} for mask, n in ((BAD, bad), (GOOD, 10 - bad))
                    ]
    return [row for row in rows if row["n"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_query_says_what_it_asks_takes_and_means(name: str) -> None:
    query = load(name)
    assert query.question.endswith("?")
    assert len(query.reading) > 100
    used = dict(re.findall(r"\{(\w+):([^}]+)\}", query.text))
    assert {parameter.name: parameter.type for parameter in query.parameters} == used


def test_a_query_without_a_name_does_not_exist() -> None:
    with pytest.raises(KeyError):
        load("../migrations/0001_tables")


def test_when_did_it_start(store: Client) -> None:
    insert(store, "windows", traffic(1, {"model": "m2"}))
    span_of = {"from": text(at(0)), "to": text(at(END))}
    rows = ask(store, "when_did_it_start", feature="chat", kpi="refusal_rate", **span_of)
    assert len(rows) == 5
    first = rows[0]
    assert abs(first["onset"] - at(ONSET)) <= timedelta(seconds=20)
    assert first["rate_before"] == pytest.approx(0.02, abs=0.004)
    assert first["rate_after"] == pytest.approx(0.16, abs=0.01)
    assert first["log_likelihood_ratio"] > 100
    quiet = {"from": text(at(0)), "to": text(at(ONSET))}
    assert ask(store, "when_did_it_start", feature="chat", kpi="refusal_rate", **quiet)[0]["log_likelihood_ratio"] < 6


def change(seconds: float, number: int, feature: str, what: str) -> dict[str, Any]:
    return {
        "topic": "ai.changes",
        "partition": 0,
        "offset": number,
        "event_id": f"change-{number}",
        "ts": at(seconds),
        "what": what,
        "feature": feature,
        "to_version": f"v{number}",
    }


def test_what_changed(store: Client) -> None:
    changes = [
        change(ONSET - 7200, 1, "chat", "model"),  # too long ago
        change(ONSET - 300, 2, "chat", "prompt"),
        change(ONSET - 60, 3, "search", "model"),  # another feature
        change(ONSET - 1800, 4, "", "guardrail"),
        change(ONSET + 1200, 5, "chat", "flag"),  # an answer to it, not a cause
    ]
    insert(store, "changes", changes)
    insert(store, "changes", changes[:2])
    insert(
        store,
        "windows",
        [
            cell(0, GOOD, feature="chat", model="m1", release="r1"),
            cell(ONSET - 120, GOOD, feature="chat", model="m2", release="r1"),
            cell(ONSET - 110, GOOD, feature="search", model="m3", release="r1"),
        ],
    )
    rows = ask(store, "what_changed", feature="chat", at=text(at(ONSET)), lookback_minutes=45)
    found = [(row["source"], row["what"], row["to_version"], row["minutes_before"], row["scope"]) for row in rows]
    assert found == [
        ("observed", "model", "m2", 2.0, "this feature"),
        ("announced", "prompt", "v2", 5.0, "this feature"),
        ("announced", "guardrail", "v4", 30.0, "all features"),
    ]


def test_what_is_not_evaluated(store: Client) -> None:
    """One region's guardrail stops; then the whole feature's."""
    rows = []
    for start in range(0, END, 10):
        for model in ("m1", "m2"):
            for region in ("eu", "us"):
                stopped = start >= ONSET and region == "us"
                mask = Bit.INTERACTION if stopped else GOOD
                rows.append(cell(start, mask, n=10, feature="chat", model=model, region=region))
                everywhere = Bit.INTERACTION if start >= ONSET else GOOD
                rows.append(cell(start, everywhere, n=10, feature="mail", model=model, region=region))
    insert(store, "windows", rows)
    when = {"from": text(at(ONSET)), "to": text(at(END)), "baseline_minutes": 60}
    found = ask(store, "what_is_not_evaluated", feature="chat", kpi="refusal_rate", **when)
    assert [(row["slice_name"], row["coverage"], row["coverage_before"], row["missing"]) for row in found] == [
        ("all", 0.5, 1.0, 3600.0),
        ("region=us", 0.0, 1.0, 3600.0),
    ]
    assert found[1]["beyond"] == 1800.0
    (whole,) = ask(store, "what_is_not_evaluated", feature="mail", kpi="refusal_rate", **when)
    assert (whole["slice_name"], whole["coverage"], whole["missing"]) == ("all", 0.0, 7200.0)
    quiet = {**when, "from": text(at(1800)), "to": text(at(ONSET)), "baseline_minutes": 30}
    (well,) = ask(store, "what_is_not_evaluated", feature="chat", kpi="refusal_rate", **quiet)
    assert (well["slice_name"], well["coverage"], well["missing"]) == ("all", 1.0, 0.0)


def test_who_was_exposed(store: Client) -> None:
    events = [
        ("aaaaaaaa", "free", BAD, 3),
        ("bbbbbbbb", "paid", BAD, 1),
        ("aaaaaaaa", "free", GOOD, 4),
        ("cccccccc", "free", GOOD, 5),
        ("bbbbbbbb", "paid", BAD | Bit.SYNTHETIC, 2),
        ("dddddddd", "free", Bit.INTERACTION, 2),  # nobody looked
    ]
    rows: list[dict[str, Any]] = []
    for tenant, segment, mask, count in events:
        for _ in range(count):
            number = len(rows)
            rows.append({
                "topic": "ai.telemetry",
                "partition": 0,
                "offset": number,
                "mask": mask,
                "kind": "interaction",
                "ts": at(number),
                "feature": "chat",
                "tenant": tenant,
                "user_segment": segment,
                "trace_id": f"{number:032x}",
                "sample_weight": 2,
            })  # fmt: skip
    insert(store, "telemetry", rows)
    insert(store, "telemetry", rows[:4])
    times = {"from": text(START), "to": text(at(60))}
    got = ask(store, "who_was_exposed", feature="chat", kpi="refusal_rate", **times)
    first = {key: value for key, value in got[0].items() if key not in ("first_bad", "last_bad")}
    assert first == {
        "tenant": "aaaaaaaa",
        "user_segment": "free",
        "bad": 3,
        "evaluated": 7,
        "stands_for": 6,
        "exemplars": [f"{number:032x}" for number in range(3)],
    }
    assert [(row["tenant"], row["bad"], row["evaluated"]) for row in got[1:]] == [("bbbbbbbb", 1, 1)]


def test_was_telemetry_complete(store: Client) -> None:
    insert(store, "heartbeats", [beat(second, second, number) for number, second in enumerate(range(10, 130, 10))])
    cells = [cell(second, GOOD, n=10, feature="chat") for second in range(0, 180, 10)]
    cells[8]["n"] = 3
    insert(
        store,
        "windows",
        [
            *cells,
        ],
    )
    insert(store, "windows", [span(0, 0, 9), span(0, 12, 19)])
    rows = ask(store, "was_telemetry_complete", feature="chat", **{"from": text(at(0)), "to": text(at(180))})
    names = ("expected", "arrived", "completeness", "verdict", "offset_gaps")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (60.0, 60, 1.0, "complete", 2),
        (60.0, 53, 0.8833, "incomplete", 2),
        (0.0, 60, None, "unknown", 2),
    ]


def event(number: int, mask: int, **said: Any) -> dict[str, Any]:
    common = {"topic": "ai.telemetry", "partition": 0, "offset": number, "mask": mask, "kind": "interaction"}
    return {**common, "ts": at(number), "feature": "chat", "trace_id": f"{number:032x}", **said}


def test_which_events(store: Client) -> None:
    leak = Bit.INTERACTION | Bit.PII_SCANNED | Bit.PII_LEAKED
    rows = [
        event(5, leak),
        event(3, leak),
        event(4, Bit.INTERACTION | Bit.PII_SCANNED),
        event(6, leak, feature="search"),
        event(7, leak | Bit.SYNTHETIC),
        event(8, BAD),
        event(60, leak),  # after the end
    ]
    insert(store, "telemetry", rows)
    insert(store, "telemetry", rows[:1])  # stored a second time by a worker that was killed
    times = {"from": text(START), "to": text(at(60))}
    got = ask(store, "which_events", feature="chat", kpi="pii_leak_rate", **times)
    assert [(row["trace_id"], row["offset"]) for row in got] == [(f"{3:032x}", 3), (f"{5:032x}", 5)]


def test_did_guardrails_run(store: Client) -> None:
    looked = Bit.INTERACTION | Bit.GUARDRAIL_LISTED | Bit.POLICY_EVALUATED
    bypassed = Bit.INTERACTION | Bit.GUARDRAIL_LISTED | Bit.GUARDRAIL_BYPASSED
    erred = Bit.INTERACTION | Bit.GUARDRAIL_LISTED | Bit.GUARDRAIL_ERROR
    rows = [
        cell(0, looked, n=9, feature="chat"),
        cell(10, erred, n=1, feature="chat"),
        cell(60, looked, n=8, feature="chat"),
        cell(60, bypassed, n=2, feature="chat"),
        cell(120, looked, n=2, feature="chat"),
        cell(120, Bit.INTERACTION, n=8, feature="chat"),
        cell(180, Bit.INTERACTION, n=10, feature="chat"),
        cell(180, looked, n=10, feature="search"),
    ]
    insert(store, "windows", rows)
    rows = ask(store, "did_guardrails_run", feature="chat", **{"from": text(START), "to": text(at(240))})
    names = ("interactions", "listed", "evaluated_by_any", "bypassed", "erred", "verdict")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (10, 10, 9, 0, 1, "ran"),
        (10, 10, 8, 2, 0, "failing open"),
        (10, 2, 2, 0, 0, "partly"),
        (10, 0, 0, 0, 0, "unguarded"),
    ]


def test_is_the_monitor_whole_names_what_is_wrong_now_before_an_old_gap(store: Client) -> None:
    def claim(partition: int, first: int, last: int, complete: float, written: float) -> dict[str, Any]:
        return {**span(partition, first, last, complete), "inserted_at": at(written)}

    spans = [
        claim(0, 0, 99, 1000, 1000),
        claim(1, 0, 49, 1000, 1000),
        claim(1, 60, 99, 1000, 1000),
        claim(2, 0, 99, 100, 995),
        claim(3, 0, 99, 600, 600),
        claim(4, 0, 99, 1000, 1000),
        claim(4, 90, 109, 1000, 1000),
        claim(5, 0, 49, 600, 600),
        claim(5, 60, 99, 600, 600),
        claim(6, 0, 49, 100, 995),
        claim(6, 60, 99, 100, 995),
    ]
    insert(store, "windows", spans)
    rows = ask(store, "is_the_monitor_whole", at=text(at(1005)))
    names = ("partition", "seconds_behind", "seconds_silent", "gap", "verdict")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (5, 405, 405, 10, "nobody writes"),
        (3, 405, 405, 0, "nobody writes"),
        (6, 905, 10, 10, "behind"),
        (2, 905, 10, 0, "behind"),
        (1, 5, 5, 10, "gap or overlap"),
        (4, 5, 5, -10, "gap or overlap"),
        (0, 5, 5, 0, "whole"),
    ]
