"""Every SQL of every dashboard on the real engine, with rows to show."""

import json
import time
from typing import Any
from urllib.parse import unquote

import pytest
from clickhouse_connect.driver.client import Client

from alerts.dashboards.build import DASHBOARDS
from alerts.dashboards.colours import STATES
from tests.dashboards.grafana import SOURCES, Asked, dashboard, filled, sql
from tests.dashboards.seeds import END, INCIDENT, LENGTH, ONSET, WELL, seed_store, start_of

EVERY = sql()


class Afternoon:
    """The seeded store, and the values a reader would have chosen."""

    def __init__(self, store: Client) -> None:
        self._store = store
        start = start_of(time.time())
        seed_store(store, start)
        self.begin = int(start.timestamp())
        self.values = SOURCES | {
            "incident": INCIDENT, "feature": WELL, "kpi": "refusal_rate",
            "onset": str(self.begin + ONSET), "end": str(self.begin + LENGTH),
        }  # fmt: skip

    def ask(self, text: str) -> list[dict[str, Any]]:
        sent = filled(text, self.values, self.begin, self.begin + LENGTH)
        found = self._store.query(sent)
        return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]


@pytest.fixture
def afternoon(store: Client) -> Afternoon:
    return Afternoon(store)


def test_every_query_finds_rows(afternoon: Afternoon) -> None:
    empty = [asked.where for asked in EVERY if not afternoon.ask(asked.text)]
    assert empty == []


def of(where: str) -> Asked:
    (found,) = [asked for asked in EVERY if asked.where == where]
    return found


def test_what_is_unknown_is_a_gap_and_never_0(afternoon: Afternoon) -> None:
    blind_from = afternoon.begin + END
    for where, column in (
        ("detection: $kpi: seen and expected (A)", "seen"),
        ("incident: ${kpi}, from the exact windows (A)", "rate"),
    ):
        rows = afternoon.ask(of(where).text)
        assert any(row["time"].timestamp() >= blind_from for row in rows)
        for row in rows:
            assert (row[column] is None) == (row["time"].timestamp() >= blind_from)


def test_the_newest_score_of_a_blind_kpi_reads_unknown(afternoon: Afternoon) -> None:
    (row,) = afternoon.ask(of("feature: Every KPI now (A)").text)
    assert (row["kpi"], row["state"], row["rate"]) == ("refusal_rate", "UNKNOWN", None)


def test_the_timeline_numbers_the_states_as_its_mappings_do(afternoon: Afternoon) -> None:
    shown = {row["state"] for row in afternoon.ask(of("detection: State by detector (A)").text)}
    assert shown == {STATES[state][0] for state in ("OK", "ALARM", "UNKNOWN")}


def test_the_incident_says_when_what_changed_and_who(afternoon: Afternoon) -> None:
    onsets = afternoon.ask(of("incident: When did it start? (A)").text)
    assert onsets[0]["onset"].timestamp() == afternoon.begin + ONSET
    changes = afternoon.ask(of("incident: What changed before it started? (A)").text)
    assert {(row["source"], row["what"], row["minutes_before"]) for row in changes} >= {
        ("announced", "policy", 1.0), ("observed", "model", 0.0),
    }  # fmt: skip
    exposed = afternoon.ask(of("incident: Who was exposed? (A)").text)
    assert [(row["tenant"], row["bad"]) for row in exposed] == [("t1", (END - ONSET) // 10)]


def test_an_open_incident_is_drawn_until_now(afternoon: Afternoon) -> None:
    (row,) = afternoon.ask(of("fleet: annotation Incidents").text)
    assert row["time"].timestamp() == afternoon.begin + ONSET
    assert row["timeEnd"].timestamp() >= afternoon.begin + LENGTH


def test_without_an_incident_its_variables_still_make_sql(store: Client) -> None:
    values = SOURCES | {"incident": ""}
    for variable in dashboard("incident")["templating"]["list"]:
        if variable["name"] in {"prometheus", "clickhouse", "incident"}:
            continue
        ((value,),) = store.query(filled(variable["query"]["rawSql"], values)).result_rows
        values[variable["name"]] = str(value)
    for asked in EVERY:
        if asked.where.startswith("incident: ") and "variable" not in asked.where:
            assert store.query(filled(asked.text, values, 0, 10)).result_rows == [], asked.where


def test_a_link_to_explore_carries_the_sql_of_its_panel() -> None:
    seen = 0
    for name in DASHBOARDS:
        for panel in dashboard(name)["panels"]:
            for link in panel.get("links", []):
                if link["url"].startswith("/explore"):
                    panes = json.loads(unquote(link["url"].split("panes=")[1]))
                    assert [query["rawSql"] for query in panes["vigil"]["queries"]] == [panel["targets"][0]["rawSql"]]
                    seen += 1
    assert seen >= 8
