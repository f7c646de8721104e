"""The stored query about the pages themselves, by hand."""

from typing import Any

from clickhouse_connect.driver.client import Client

from alerts.queries import load
from tests.oncall.seeds import answer, incident
from tests.store.seeds import START, at, insert

DAY = 86_400


def ask(store: Client, begin: float, end: float) -> dict[str, dict[str, Any]]:
    values = {"from": at(begin), "to": at(end)}
    found = store.query(load("how_good_are_the_pages").text, parameters=values)
    rows = [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]
    assert not rows or rows[0]["scope"] == "all"
    return {row["scope"]: row for row in rows}


def test_verdicts_repeats_and_times_are_counted_by_kpi(store: Client) -> None:
    leak = {"kpi": "pii_leak_rate"}
    rows = [
        incident(1, state="resolved", resolved_at=at(500)),
        incident(2, onset=at(1000), detected_at=at(1100)),
        incident(3, onset=at(5 * DAY), detected_at=at(5 * DAY + 30), **leak),
        incident(4, onset=at(5 * DAY), detected_at=at(5 * DAY + 10), kpi="prompt_mix", severity="info"),
        incident(5, onset=at(-100), detected_at=at(-1), **leak),  # before the time that is asked about
    ]
    insert(store, "incidents", rows)
    answers = [
        answer(1, 1, "noise", 700),
        answer(2, 1, "actionable", 800),  # thought again
        answer(3, 2, "noise", 1300),
        answer(4, 2, "acknowledged", 1200),
        answer(5, 3, "unsure", 5 * DAY + 60),
        answer(6, 2, "mitigated", 1500),
    ]
    insert(store, "reviews", answers)
    found = ask(store, 0, 6 * DAY)
    assert list(found) == ["all", "refusal_rate", "pii_leak_rate"]
    assert found["all"] == {
        "scope": "all",
        "incidents": 3,
        "judged": 3,
        "actionable": 1,
        "noise": 1,
        "expected": 0,
        "precision": 0.5,
        "repeat_rate": 0.333,
        "to_detect": 60,
        "to_acknowledge": 100,
        "to_mitigate": 500,
        "open": 2,
    }
    refusals = {name: found["refusal_rate"][name] for name in ("incidents", "repeat_rate", "to_acknowledge", "open")}
    assert refusals == {"incidents": 2, "repeat_rate": 0.5, "to_acknowledge": 100, "open": 1}


def test_what_nobody_judged_and_nobody_answered_is_unknown_and_not_zero(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    row = ask(store, 0, DAY)["all"]
    names = ("precision", "to_acknowledge", "to_mitigate", "judged")
    assert [row[name] for name in names] == [None, None, None, 0]


def test_unsure_is_judged_and_moves_no_precision(store: Client) -> None:
    insert(store, "incidents", [incident(1), incident(2), incident(3)])
    insert(store, "reviews", [answer(1, 1, "unsure", 90), answer(2, 2, "expected", 90), answer(3, 3, "actionable", 90)])
    row = ask(store, 0, DAY)["all"]
    assert (row["judged"], row["precision"]) == (3, 0.5)


def test_without_an_incident_there_is_no_row(store: Client) -> None:
    assert ask(store, 0, START.timestamp()) == {}
