"""What people say of an incident reaches its page, and never the scorer's own rows."""

from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from monitor.open_incidents import OpenIncidents
from schemas.finding import Incident
from tests.oncall.seeds import answer
from tests.store.seeds import insert
from tests.test_scorekeeper import START, claim, fill, gauge, keeper

QUIET, SPIKE = [0.04] * 30, [0.2] * 12


@pytest.fixture(name="spike")
def _spike(store: Client) -> Client:
    begin(store)
    return store


def begin(store: Client) -> None:
    """A history, and a spike of refusals that goes on."""
    fill(store, 0, [0.04] * 1000, seed=1)
    claim(store, 1000)
    fill(store, 1000, SPIKE, seed=2)
    claim(store, 1012)


def the_id(store: Client, kpi: str = "refusal_rate") -> str:
    rows = store.query(
        "SELECT incident_id FROM incident_list WHERE kpi = {kpi:String} ORDER BY detected_at DESC", {"kpi": kpi}
    ).result_rows
    return str(rows[0][0])


def say(store: Client, said: str, offset: int = 1) -> None:
    insert(store, "reviews", [answer(offset, 0, said, offset, incident_id=the_id(store))])


def written(store: Client) -> list[tuple[Any, ...]]:
    """The scorer's incidents, without the time at which they were written."""
    rows = store.query("SELECT * EXCEPT (updated_at) FROM incidents FINAL ORDER BY incident_id").result_rows
    return [tuple(row) for row in rows]


def test_a_resolved_incident_stops_paging_though_no_window_closes(spike: Client) -> None:
    scorer, metrics = keeper(spike)
    scorer.tick()
    assert gauge(metrics) == 1
    say(spike, "resolved")
    scorer.tick()
    assert gauge(metrics) == 0


def test_a_resolved_incident_stops_paging_while_a_partition_is_silent(spike: Client) -> None:
    scorer, metrics = keeper(spike)
    scorer.tick()
    say(spike, "resolved")
    spike.command("TRUNCATE TABLE windows")  # nobody speaks for any partition
    scorer.tick()
    assert gauge(metrics) == 0


@pytest.mark.parametrize("said", ["acknowledged", "mitigated", "noise", "expected", "actionable"])
def test_nothing_else_that_people_say_ends_a_page(spike: Client, said: str) -> None:
    scorer, metrics = keeper(spike)
    scorer.tick()
    say(spike, said)
    scorer.tick()
    assert gauge(metrics) == 1


def test_an_acknowledgement_after_a_resolution_pages_again(spike: Client) -> None:
    scorer, metrics = keeper(spike)
    scorer.tick()
    say(spike, "resolved")
    scorer.tick()
    say(spike, "acknowledged", offset=2)
    scorer.tick()
    assert gauge(metrics) == 1


def test_a_resolution_survives_refreshes_and_a_restart(spike: Client) -> None:
    scorer, _ = keeper(spike)
    scorer.tick()
    say(spike, "resolved")
    fill(spike, 1012, SPIKE, seed=4)  # two minutes, so the scorer writes the incident anew
    claim(spike, 1024)
    scorer.tick()
    restarted, metrics = keeper(spike)
    restarted.tick()
    assert gauge(metrics) == 0
    assert spike.query("SELECT state FROM incident_list").result_rows == [("resolved",)]


def test_a_restart_shows_a_resolved_incident_not_even_for_a_moment(
    spike: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, _ = keeper(spike)
    scorer.tick()
    say(spike, "resolved")
    restarted, metrics = keeper(spike)
    shown: list[float | None] = []
    tell = OpenIncidents.tell

    def and_look(self: OpenIncidents, incident: Incident) -> None:
        tell(self, incident)
        shown.append(gauge(metrics))

    monkeypatch.setattr(OpenIncidents, "tell", and_look)
    restarted.tick()
    assert shown
    assert set(shown) == {0.0}


def test_a_scorer_that_catches_up_and_finds_a_resolved_incident_again_does_not_page(store: Client) -> None:
    fill(store, 0, [0.04] * 1000, seed=1)
    fill(store, 1000, SPIKE, seed=2)
    scorer, _ = keeper(store)
    for complete in (990, 1000, 1012):
        claim(store, complete)
        scorer.tick()
    known = the_id(store)
    say(store, "resolved")
    store.command("TRUNCATE TABLE incidents")  # as if the scorer had died before it wrote any of this
    store.command(f"DELETE FROM scores WHERE window_start >= toDateTime({START + 10_000}, 'UTC')")
    restarted, metrics = keeper(store)
    restarted.tick()
    assert the_id(store) == known
    assert gauge(metrics) == 0


def test_a_recomputation_that_finds_a_resolved_incident_again_does_not_page(spike: Client) -> None:
    scorer, _ = keeper(spike)
    scorer.tick()
    known = the_id(spike)
    say(spike, "resolved")
    spike.command("TRUNCATE TABLE incidents")
    spike.command("TRUNCATE TABLE scores")
    restarted, metrics = keeper(spike)
    restarted.tick()
    assert the_id(spike) == known
    assert gauge(metrics) == 0


def test_after_the_kpi_came_back_the_next_alarm_is_another_incident_and_pages(spike: Client) -> None:
    scorer, metrics = keeper(spike)
    scorer.tick()
    first = the_id(spike)
    say(spike, "resolved")
    fill(spike, 1012, QUIET, seed=3)
    claim(spike, 1042)
    scorer.tick()
    fill(spike, 1042, SPIKE, seed=5)
    claim(spike, 1054)
    scorer.tick()
    assert the_id(spike) != first
    assert gauge(metrics) == 1


@pytest.mark.parametrize("said", ["acknowledged", "resolved", "noise"])
def test_the_scorers_rows_do_not_depend_on_what_people_say(store: Client, said: str) -> None:
    def run(*answers: str) -> list[tuple[Any, ...]]:
        for table in ("windows", "incidents", "scores", "reviews", "baselines"):
            store.command(f"TRUNCATE TABLE {table}")
        begin(store)
        scorer, _ = keeper(store)
        scorer.tick()
        for one in answers:
            say(store, one)
        fill(store, 1012, [*SPIKE, *QUIET], seed=3)
        claim(store, 1054)
        scorer.tick()
        scores = store.query("SELECT * EXCEPT (inserted_at) FROM scores FINAL ORDER BY ALL").result_rows
        return written(store) + [tuple(row) for row in scores]

    silent = run()
    assert [row[3] for row in silent[: len(written(store))]] == ["resolved"]  # it opened and it ended
    assert run(said) == silent
