"""What the views say of an incident, out of what the scorer wrote and what people said."""

from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from monitor.store.answers import read_resolved
from monitor.store.findings import read_open_incidents
from tests.oncall.seeds import ANN, BOB, RESPONSE, VERDICT, answer, incident, number
from tests.store.seeds import at, insert


def listed(store: Client, *columns: str, nulls: int = 0) -> list[tuple[Any, ...]]:
    query = f"SELECT {', '.join(columns)} FROM incident_list ORDER BY incident_id"
    return [tuple(row) for row in store.query(query, settings={"join_use_nulls": nulls}).result_rows]


@pytest.mark.parametrize("nulls", [0, 1])
def test_an_incident_of_which_nobody_spoke_is_what_the_scorer_wrote(store: Client, nulls: int) -> None:
    insert(store, "incidents", [incident(1), incident(2, state="resolved", resolved_at=at(900))])
    names = ("state", "resolved_at", "recovered_at", "acknowledged_at", "mitigated_at", "said_at", "said_by", "verdict")
    assert listed(store, *names, nulls=nulls) == [
        ("open", None, None, None, None, None, "", ""),
        ("resolved", at(900), at(900), None, None, None, "", ""),
    ]


def test_the_newest_step_holds_whenever_it_arrived(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "mitigated", 300, BOB)])
    insert(store, "reviews", [answer(2, 1, "acknowledged", 120)])
    names = ("state", "said_by", "said_at", "acknowledged_at", "mitigated_at", "resolved_at")
    assert listed(store, *names) == [("mitigated", BOB, at(300), at(120), at(300), None)]


def test_of_two_steps_of_one_moment_the_later_record_holds(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(7, 1, "resolved", 120), answer(6, 1, "acknowledged", 120)])
    assert listed(store, "state") == [("resolved",)]


def test_an_acknowledgement_takes_a_resolution_back_and_times_count_anew(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "resolved", 100), answer(2, 1, "acknowledged", 200, BOB)])
    names = ("state", "resolved_at", "mitigated_at", "acknowledged_at")
    assert listed(store, *names) == [("acknowledged", None, None, at(100))]
    assert len(store.query("SELECT 1 FROM current_incidents").result_rows) == 1
    insert(store, "reviews", [answer(3, 1, "resolved", 700, BOB)])
    assert listed(store, *names) == [("resolved", at(700), at(700), at(100))]
    assert store.query("SELECT 1 FROM current_incidents").result_rows == []


def test_an_incident_is_over_when_the_first_of_people_and_detector_said_so(store: Client) -> None:
    insert(store, "incidents", [incident(n, state="resolved", resolved_at=at(600)) for n in (1, 2)])
    insert(store, "reviews", [answer(1, 1, "resolved", 300), answer(2, 2, "resolved", 900)])
    assert listed(store, "state", "resolved_at", "recovered_at") == [
        ("resolved", at(300), at(600)),
        ("resolved", at(600), at(600)),
    ]


def test_the_detectors_end_is_not_undone_by_people(store: Client) -> None:
    insert(store, "incidents", [incident(1, state="resolved", resolved_at=at(600))])
    insert(store, "reviews", [answer(1, 1, "acknowledged", 900)])
    assert listed(store, "state") == [("resolved",)]


def test_what_people_said_survives_every_refresh_of_the_scorer(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "acknowledged", 90), answer(2, 1, "actionable", 95, BOB)])
    for minute in range(2, 6):
        insert(store, "incidents", [incident(1, bad=480 + minute, updated_at=at(60 * minute))])
    names = ("state", "said_by", "verdict", "verdict_by", "bad")
    assert listed(store, *names) == [("acknowledged", ANN, "actionable", BOB, 485)]


def test_a_record_that_was_stored_twice_is_one_answer(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    for _ in range(2):
        insert(store, "reviews", [answer(1, 1, "acknowledged", 90)])
    assert store.query("SELECT said FROM incident_answers").result_rows == [("acknowledged",)]


def test_the_newest_verdict_counts_and_changes_no_state(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "noise", 90), answer(2, 1, "actionable", 80, BOB)])
    assert listed(store, "state", "verdict", "verdict_by", "verdict_at") == [("open", "noise", ANN, at(90))]


@pytest.mark.parametrize("source", ["user_report", "human_label", "appeal", VERDICT])
def test_only_a_response_is_a_step(store: Client, source: str) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "resolved", 90, source=source)])
    assert listed(store, "state", "verdict") == [("open", "")]
    assert read_resolved(store, [number(1)]) == frozenset()


def test_a_response_that_is_no_step_says_nothing(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "noise", 90, source=RESPONSE)])
    assert listed(store, "state", "verdict") == [("open", "")]


def test_the_scorer_goes_on_with_what_it_has_not_ended_whatever_people_said(store: Client) -> None:
    insert(store, "incidents", [incident(1), incident(2), incident(3, state="resolved", resolved_at=at(600))])
    insert(store, "reviews", [answer(1, 1, "resolved", 90), answer(2, 2, "acknowledged", 90)])
    held = read_open_incidents(store)
    assert sorted((one.incident_id, one.state) for one in held) == [(number(1), "open"), (number(2), "open")]


def test_resolved_by_people_are_those_whose_newest_step_says_so(store: Client) -> None:
    answers = [
        answer(1, 1, "resolved", 90),
        answer(2, 2, "resolved", 90),
        answer(3, 2, "acknowledged", 91),
        answer(4, 3, "mitigated", 90),
        answer(5, 4, "noise", 90),
        answer(6, 5, "resolved", 90),
        answer(7, 1, "noise", 95),  # a verdict afterwards takes nothing back
    ]
    insert(store, "reviews", answers)
    assert read_resolved(store, [number(n) for n in (1, 2, 3, 4, 6)]) == {number(1)}
    assert read_resolved(store, []) == frozenset()


def response(store: Client, *columns: str) -> list[tuple[Any, ...]]:
    query = f"SELECT {', '.join(columns)} FROM incident_response ORDER BY detected_at, incident_id"
    return [tuple(row) for row in store.query(query).result_rows]


def test_times_to_detect_acknowledge_and_mitigate(store: Client) -> None:
    ended = incident(2, state="resolved", resolved_at=at(600), detected_at=at(61))
    insert(store, "incidents", [incident(1), ended, incident(3, detected_at=at(62))])
    insert(store, "reviews", [answer(1, 1, "acknowledged", 100), answer(2, 1, "mitigated", 400)])
    names = ("seconds_to_detect", "seconds_to_acknowledge", "seconds_to_mitigate")
    assert response(store, *names) == [(60, 40, 400), (61, None, 600), (62, None, None)]


def test_a_repeat_begins_within_a_day_of_the_end_of_its_like(store: Client) -> None:
    day = 86_400

    def one(n: int, begin: float, end: float | None, **other: Any) -> dict[str, Any]:
        ended = {"state": "resolved", "resolved_at": at(end)} if end is not None else {}
        return incident(n, onset=at(begin), detected_at=at(begin), **(ended | other))

    rows = [
        one(1, 0, 600),
        one(2, 10, 500, feature="search"),
        one(3, 20, 500, kpi="pii_leak_rate"),
        one(4, 30, 500, direction="down"),
        one(5, 599 + day, 2 * day),
        one(6, 3 * day + 1, None),
        one(7, 3 * day + 2, None),
    ]
    insert(store, "incidents", rows)
    repeats = [int(row[0], 16) for row in response(store, "incident_id", "is_repeat") if row[1]]
    assert repeats == [5]
