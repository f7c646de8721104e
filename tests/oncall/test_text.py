"""What a terminal shows of incidents."""

import shlex
from typing import Any

import click
import pytest

from alerts.queries import load
from monitor.cli import main
from monitor.oncall.paste import commands
from monitor.oncall.story import Story
from monitor.oncall.text import freshness, how_much, share, span, story_text, table
from monitor.sql import stored_parameters
from tests.oncall.seeds import ANN, BOB, incident
from tests.store.seeds import at

SAID = {"said_at": None, "said_by": "", "verdict": "", "verdict_by": "", "recovered_at": None}
CHANGE = {
    "source": "announced",
    "moment": at(-300),
    "minutes_before": 5.0,
    "what": "prompt",
    "subject": "",
    "from_version": "v6",
    "to_version": "v7",
    "rollout": 0.1,
    "region": "eu",
    "scope": "this feature",
}
SLICE = {"slice_name": "model=m2", "share": 0.98, "rate": 0.3, "expected_rate": 0.02, "evaluated": 7200}


def row(**other: Any) -> dict[str, Any]:
    return incident(0x3FA2C1 << 104) | SAID | other


def told(incident_row: dict[str, Any], **other: Any) -> str:
    given: dict[str, Any] = {"history": [], "changes": [], "slices": [], "others": []} | other
    return story_text(Story(incident_row, runbook="VigilRefusalSpike", **given), ["vigil explain ..."], at(1800))


def test_a_line_of_the_list_says_what_since_when_and_how_much() -> None:
    head, _, line, count, _ = table([row()], at(1800)).split("\n")
    assert head.split()[:4] == ["id", "state", "severity", "feature"]
    words = ["3fa2c1000000", "open", "critical", "chat", "refusal_rate", "up", "2026-11-20T12:00:00Z", "30", "min"]
    assert line.split() == [*words, "40", "%", "4", "%"]
    assert count == "(1 row)"


def test_an_empty_list_says_whether_anybody_looked() -> None:
    assert freshness(0, at(0)) == "NOBODY HAS SCORED ANYTHING YET: is a worker running?"
    until = int(at(0).timestamp())
    assert freshness(until, at(14)) == "scored until 2026-11-20T12:00:00Z, 14 s ago"
    assert freshness(until, at(400)).endswith("6 min ago: THE SCORER IS BEHIND, so this may not be all")


def test_how_much_is_observed_interval_expected_excess_and_evidence() -> None:
    assert how_much(row()) == (
        "40 % (480 of 1,200; 99 % interval 36.4 % to 43.7 %), expected 4 %: 432 more than expected; log e-value 40.2"
    )
    assert "24 fewer than expected" in how_much(row(bad=24, observed_rate=0.02))


def test_arrivals_are_numbers_and_not_shares() -> None:
    one = row(kpi="arrivals", bad=300, evaluated=1_000_000, expected_rate=0.0009)
    assert how_much(one) == "300 arrived, 900 expected; log e-value 40.2"


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ({}, "OPEN, and nobody has answered"),
        ({"state": "acknowledged", "said_at": at(1680), "said_by": ANN}, "ACKNOWLEDGED by aaaaaaaa 2 min ago"),
        ({"state": "resolved", "said_at": at(1740)}, "RESOLVED 60 s ago; the KPI is not back"),
        ({"state": "resolved", "recovered_at": at(0)}, "RESOLVED, the KPI came back 30 min ago"),
        ({"verdict": "noise", "verdict_by": BOB}, "OPEN, and nobody has answered, judged noise by bbbbbbbb"),
    ],
)
def test_the_first_line_says_the_state_by_whom_and_when(now: dict[str, Any], state: str) -> None:
    assert told(row(**now)).splitlines()[0] == f"chat refusal_rate up, critical: {state}"


def test_a_change_says_when_what_from_what_to_what_and_how_it_is_known() -> None:
    later = CHANGE | {"minutes_before": -2.5, "rollout": None, "source": "observed", "from_version": "", "region": ""}
    text = told(row(), changes=[CHANGE, later])
    assert "changed    5 min before: prompt v6 to v7 to 10 % of traffic eu (announced, this feature)\n" in text
    assert "           2.5 min after: prompt v7 (observed, this feature)\n" in text


def test_how_much_says_how_old_it_is_as_the_scorer_measures_once_a_minute() -> None:
    assert "more than expected; log e-value 40.2; measured 29 min ago\n" in told(row())


def test_no_change_and_no_slice_is_said_and_not_left_out() -> None:
    text = told(row())
    assert "changed    nothing that is known of" in text
    assert "slices     none stands out" in text
    assert "slices     slices explain a rise, and this is a fall" in told(row(direction="down"), slices=None)
    assert "slices     arrivals is not counted by slice" in told(row(kpi="arrivals"), slices=None)


def test_slices_others_history_and_runbook_are_shown() -> None:
    history = [{"at": at(0), "what": "began", "by": ""}, {"at": at(90), "what": "acknowledged", "by": ANN}]
    text = told(row(), slices=[SLICE, SLICE | {"share": None}], others=[row(kpi="pii_leak_rate")], history=history)
    assert "slices     model=m2  explains 98 %: 30 % of 7,200, expected 2 %\n" in text
    assert "           model=m2  30 % of 7,200, expected 2 %\n" in text
    assert "also open  pii_leak_rate up (3fa2c1000000)\n" in text
    assert "history    2026-11-20T12:00:00Z  began\n           2026-11-20T12:01:30Z  acknowledged by aaaaaaaa\n" in text
    assert "runbook    VigilRefusalSpike (alerts/runbooks/VigilRefusalSpike.md)\nnext       vigil explain ...\n" in text


def test_lines_to_paste_are_complete() -> None:
    lines = commands(row(), at(1800), None)
    assert lines[0] == "vigil explain chat refusal_rate --at 2026-11-20T12:00:00Z"
    assert lines[1] == (
        "vigil sql --query-name which_slices --param feature=chat --param kpi=refusal_rate "
        "--param from=2026-11-20T12:00:00Z --param to=2026-11-20T12:30:00Z --param baseline_minutes=60"
    )
    assert lines[-3:] == [
        "vigil incidents ack 3fa2c1000000",
        "vigil incidents resolve 3fa2c1000000",
        "vigil incidents verdict 3fa2c1000000 actionable",
    ]


@pytest.mark.parametrize("kpi", ["refusal_rate", "arrivals"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_lines_to_paste_are_taken_by_the_commands_they_name(kpi: str, direction: str) -> None:
    for line in commands(row(kpi=kpi, direction=direction), at(1800), "chdb:///a b"):
        program, name, *words = shlex.split(line)
        assert program == "vigil"
        command = main.get_command(click.Context(main), name)
        assert command is not None
        if isinstance(command, click.Group):
            _, command, words = command.resolve_command(click.Context(command), words)
            assert command is not None
        with command.make_context(name, list(words)) as context:
            if name == "sql":
                given = dict(pair.split("=", 1) for pair in context.params["params"])
                stored_parameters(load(context.params["query_name"]), given)


def test_lines_to_paste_end_with_the_incident() -> None:
    lines = commands(row(state="resolved", recovered_at=at(900), verdict="noise"), at(1800), None)
    assert any("to=2026-11-20T12:15:00Z" in line for line in lines)
    assert not any("incidents" in line for line in lines)


def test_nothing_that_is_missing_is_asked_for() -> None:
    asked = " ".join(commands(row(kpi="telemetry_completeness"), at(1800), None))
    assert "was_telemetry_complete" in asked
    assert "which_events" not in asked
    assert "which_slices" not in asked
    assert "which_slices" not in " ".join(commands(row(direction="down"), at(1800), None))


def test_a_password_is_not_pasted_on() -> None:
    lines = commands(row(), at(1800), "http://ann:geheim@host:8123/db")
    assert all(line.endswith("--store http://ann@host:8123/db") for line in lines)
    assert all(line.endswith("--store 'chdb:///a b'") for line in commands(row(), at(1800), "chdb:///a b"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_a_span_is_in_the_largest_unit_of_which_there_are_two(seconds: int, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(0.4, "40 %"), (0.00012, "0.012 %"), (1.0, "100 %"), (0.0, "0 %")])
def test_a_share_has_as_many_digits_as_a_rare_event_needs(value: float, text: str) -> None:
    assert share(value) == text
