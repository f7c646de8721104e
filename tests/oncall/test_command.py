"""`vigil incidents` on a real store, with a broker that only remembers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result
from clickhouse_connect.driver.client import Client

from monitor.cli import main
from monitor.oncall import command
from schemas.topics import REVIEWS_TOPIC
from tests.alerts.test_queries import ONSET, change, traffic
from tests.oncall.seeds import ANN, BOB, answer, incident, number
from tests.store.seeds import at, insert

ONE = "3fa2c1" + "0" * 26


class Sent:
    """What was sent, instead of a broker."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes, str]] = []

    def send(self, topic: str, value: bytes, key: str) -> None:
        self.records.append((topic, value, key))

    def said(self) -> list[Any]:
        assert {topic for topic, _, _ in self.records} <= {REVIEWS_TOPIC.name}
        return [REVIEWS_TOPIC.adapter.validate_json(value) for _, value, _ in self.records]


@pytest.fixture(name="sent", autouse=True)
def _sent(store: Client, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The commands read the test's store, at a time of the test's, and send to nobody."""
    kept = Sent()

    @contextmanager
    def reader(dsn: str | None) -> Iterator[Client]:
        yield store

    @contextmanager
    def sender(broker: object, client_id: str) -> Iterator[Sent]:
        yield kept

    monkeypatch.setattr(command, "reader", reader)
    monkeypatch.setattr(command, "sender", sender)
    monkeypatch.setattr(command, "now", lambda: at(ONSET + 1800))
    return kept


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["incidents", *arguments])


def test_the_list_shows_what_is_open_and_how_new_it_is(store: Client) -> None:
    insert(store, "incidents", [incident(1, incident_id=ONE), incident(2, state="resolved", resolved_at=at(60))])
    result = run("list")
    assert result.exit_code == 0
    assert "3fa2c1000000" in result.stdout
    assert "(1 row)" in result.stdout
    assert "NOBODY HAS SCORED" in result.stderr
    assert "(2 rows)" in run("list", "--all").stdout


def test_the_list_tells_of_what_people_resolved_and_the_detector_still_sees(store: Client) -> None:
    insert(store, "incidents", [incident(1), incident(2, state="resolved", resolved_at=at(60))])
    assert "detector" not in run("list").stderr
    insert(store, "reviews", [answer(1, 1, "resolved", 90)])
    assert "1 incident that people have resolved is still seen by the detector" in run("list").stderr
    assert "detector" not in run("list", "--feature", "search").stderr
    assert "detector" not in run("list", "--all").stderr


def test_the_list_is_json_for_scripts(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    insert(store, "reviews", [answer(1, 1, "acknowledged", 90)])
    [one] = json.loads(run("list", "--json").stdout)
    said = {"incident_id": number(1), "state": "acknowledged", "said_by": ANN, "onset": "2026-11-20T12:00:00Z"}
    assert said.items() <= one.items()
    assert one["resolved_at"] is None


@pytest.mark.parametrize(("since", "rows"), [("24h", 1), ("30m", 0), ("2026-11-20T12:00Z", 1), ("1795178500", 0)])
def test_since_is_a_length_or_a_time(store: Client, since: str, rows: int) -> None:
    insert(store, "incidents", [incident(1, state="resolved", resolved_at=at(600))])
    assert len(json.loads(run("list", "--all", "--json", "--since", since).stdout)) == rows


def test_a_since_that_is_neither_is_refused() -> None:
    assert "--since 'yesterday' is no time" in run("list", "--since", "yesterday").stderr


def test_show_tells_changes_slices_and_history(store: Client) -> None:
    insert(store, "windows", traffic(2, {"model": "m2"}))
    insert(store, "changes", [change(ONSET - 300, 2, "chat", "prompt"), change(ONSET - 7200, 3, "chat", "model")])
    insert(store, "incidents", [incident(1, incident_id=ONE, onset=at(ONSET), detected_at=at(ONSET + 70))])
    insert(store, "reviews", [answer(1, 1, "acknowledged", ONSET + 90, incident_id=ONE)])
    text = run("show", "3fa2c1").stdout
    assert "chat refusal_rate up, critical: ACKNOWLEDGED by aaaaaaaa 28 min ago" in text
    assert "5 min before: prompt v2 (announced, this feature)" in text
    assert "model v3" not in text  # two hours before
    assert "slices     model=m2  explains" in text
    assert "acknowledged by aaaaaaaa" in text
    story = json.loads(run("show", "3fa2c1", "--json").stdout)
    assert story["incident"]["incident_id"] == ONE
    assert story["slices"][0]["slice_name"] == "model=m2"
    assert [one["what"] for one in story["history"]] == ["began", "detected", "acknowledged"]
    assert story["runbook"] == "VigilRefusalSpike"
    assert story["commands"][0] == "vigil explain chat refusal_rate --at 2026-11-20T13:00:00Z"


def test_show_of_a_fall_asks_for_no_slices_and_names_the_runbook_of_its_alert(store: Client) -> None:
    insert(store, "incidents", [incident(1, direction="down"), incident(2, kpi="arrivals")])
    story = json.loads(run("show", number(1), "--json").stdout)
    assert (story["slices"], story["runbook"]) == (None, "VigilKpiIncident")
    assert [one["incident_id"] for one in story["others"]] == [number(2)]


@pytest.mark.parametrize(
    ("verb", "word"), [("ack", "acknowledged"), ("mitigate", "mitigated"), ("resolve", "resolved")]
)
def test_each_verb_sends_its_step_once_for_each_incident(store: Client, sent: Sent, verb: str, word: str) -> None:
    insert(store, "incidents", [incident(1), incident(2)])
    result = run(verb, number(1), number(2), number(1), "--by", ANN)
    assert result.exit_code == 0, result.output
    said = [(one.incident_id, one.verdict, one.source, one.reviewer_ref, one.ts) for one in sent.said()]
    assert said == [(number(n), word, "incident_response", ANN, at(ONSET + 1800)) for n in (1, 2)]
    assert len({one.event_id for one in sent.said()}) == 2
    assert f"chat refusal_rate ({number(1)[:12]}) is {word}: " in result.stdout


def test_a_verdict_is_sent(store: Client, sent: Sent) -> None:
    insert(store, "incidents", [incident(1)])
    assert "goes on paging" in run("verdict", number(1), "noise").stdout
    [one] = sent.said()
    assert (one.verdict, one.source, one.reviewer_ref) == ("noise", "incident_verdict", None)


def test_who_is_taken_from_the_setting(store: Client, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    insert(store, "incidents", [incident(1)])
    monkeypatch.setenv("VIGIL_REVIEWER", BOB)
    run("ack", number(1))
    run("ack", number(1), "--by", ANN)
    assert [one.reviewer_ref for one in sent.said()] == [BOB, ANN]


@pytest.mark.parametrize("ids", [("3fa2c1",), (number(1), "3fa2c1"), (number(1), "chat")])
def test_nothing_is_sent_when_one_of_the_ids_is_wrong(store: Client, sent: Sent, ids: tuple[str, ...]) -> None:
    insert(store, "incidents", [incident(1)])
    result = run("resolve", *ids)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert sent.records == []


def test_a_verdict_is_one_of_four_words(store: Client) -> None:
    insert(store, "incidents", [incident(1)])
    assert run("verdict", number(1), "resolved").exit_code == 2


def test_every_command_shows_an_example() -> None:
    for name in command.incidents_group.commands:
        assert "vigil incidents" in run(name, "--help").stdout
