import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from clickhouse_connect.driver.client import Client

from alerts.queries import NAMES, load
from monitor.errors import UserError
from monitor.sql import render, run, sql_command, stored_parameters
from tests.store.seeds import at, cell, insert
from tests.store.serving import WRITER, serving


def vigil_sql(*arguments: str, stdin: str | None = None, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(sql_command, list(arguments), input=stdin, env=environment)


@pytest.fixture
def dsn(store: Client, store_path: Path) -> str:
    insert(store, "windows", [cell(0, 13, n=3, feature="chat"), cell(10, 5, n=7, feature="chat")])
    return f"chdb://{store_path}"


def test_a_table_is_aligned_and_counts_its_rows() -> None:
    rows: list[tuple[Any, ...]] = [("a", 1, 0.123456789, None), ("longer", 10, 2.0, datetime(2026, 1, 2, tzinfo=UTC))]
    assert render(["name", "n", "rate", "when"], rows, "table") == (
        "name     n      rate  when\n"
        "------  --  --------  --------------------\n"
        "a        1  0.123457  NULL\n"
        "longer  10         2  2026-01-02T00:00:00Z\n"
        "(2 rows)\n"
    )
    assert render(["a"], [], "table") == "a\n-\n(0 rows)\n"


def test_a_table_obeys_no_control_characters() -> None:
    assert "\x1b" not in render(["a"], [("\x1b[2Jred",)], "table")
    assert "…" in render(["a"], [("x" * 200,)], "table")


def test_csv_and_json_keep_every_value() -> None:
    rows = [('a,"b"\nc', 1.5, None, ["x", 2], float("nan"))]
    names = ["text", "number", "none", "list", "nan"]
    assert list(csv.reader(io.StringIO(render(names, rows, "csv")))) == [names, ['a,"b"\nc', "1.5", "", '["x", 2]', ""]]
    assert json.loads(render(names, rows, "json")) == [
        {"text": 'a,"b"\nc', "number": 1.5, "none": None, "list": ["x", 2], "nan": None}
    ]


def test_run_reads_and_does_nothing_else(store: Client) -> None:
    assert run(store, "SELECT 1 AS a;", "csv") == "a\n1\n"
    assert run(store, "SELECT {n:UInt8} AS a", "csv", {"n": "4"}) == "a\n4\n"
    assert "windows" in run(store, "SHOW TABLES", "csv")
    with pytest.raises(UserError, match="--write"):
        run(store, "DROP TABLE windows", "csv")
    with pytest.raises(UserError, match=r"the store says: .*nowhere"):
        run(store, "SELECT * FROM nowhere", "csv")


def test_the_command_asks_an_embedded_store(dsn: str) -> None:
    query = "SELECT window_start, rate FROM kpi_windows WHERE kpi = 'refusal_rate' ORDER BY 1"
    answer = vigil_sql(query, "--format", "json", "--store", dsn)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output) == [
        {"window_start": at(0).isoformat().replace("+00:00", "Z"), "rate": 1.0},
        {"window_start": at(10).isoformat().replace("+00:00", "Z"), "rate": 0.0},
    ]
    assert vigil_sql("-", "--format", "csv", stdin=query, environment={"VIGIL_STORE": dsn}).output.count("\n") == 3


def test_the_command_writes_only_when_told_to(dsn: str, store: Client) -> None:
    text = "INSERT INTO changes (event_id) VALUES ('mine')"
    refused = vigil_sql(text, "--store", dsn)
    assert refused.exit_code == 1
    assert "--write" in refused.output
    assert store.query("SELECT count() FROM changes").result_rows == [(0,)]
    assert vigil_sql(text, "--write", "--store", dsn).exit_code == 0
    assert store.query("SELECT count() FROM changes").result_rows == [(1,)]


def test_the_command_asks_a_server(dsn: str, store_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(WRITER + "\n")
    with serving(store_path) as port:
        server = f"http://default@127.0.0.1:{port}"
        environment = {"VIGIL_STORE_PASSWORD_FILE": str(file)}
        query = "SELECT sum(n) AS n, getSetting('readonly') AS readonly FROM windows"
        answer = vigil_sql(query, "--format", "csv", "--store", server, environment=environment)
        assert answer.output == "n,readonly\n10,2\n"
        wrong = vigil_sql("SELECT 1", "--store", server)
        assert wrong.exit_code == 1
        assert "VIGIL_STORE" in wrong.output


def test_a_stored_query_is_asked_by_name(dsn: str) -> None:
    options = ["--query-name", "when_did_it_start", "--param", "feature=chat", "--param", "kpi=refusal_rate"]
    times = ["--param", "from=2026-11-20T13:00:00+01:00", "--param", "to=2026-11-20T12:05:00Z"]
    answer = vigil_sql(*options, *times, "--format", "json", "--store", dsn)
    assert answer.exit_code == 0, answer.output
    (row,) = json.loads(answer.output)
    assert (row["onset"], row["rate_before"], row["rate_after"]) == ("2026-11-20T12:00:10Z", 1.0, 0.0)


def test_the_times_of_a_stored_query_are_in_utc_and_may_be_said_from_now_backwards() -> None:
    clock = iter([datetime(2026, 11, 20, 12, 30, 15, 900_000, tzinfo=UTC)])
    given = {"feature": "now", "from": "now-2d", "to": "now"}
    assert stored_parameters(load("did_guardrails_run"), given, lambda: next(clock)) == {
        "feature": "now",
        "from": "2026-11-18 12:30:15",
        "to": "2026-11-20 12:30:15",
    }
    zoned = {"feature": "a", "from": "2026-11-20T17:45:00.5+05:45", "to": "2026-11-20T13:00"}
    times = stored_parameters(load("did_guardrails_run"), zoned)
    assert (times["from"], times["to"]) == ("2026-11-20 12:00:00", "2026-11-20 13:00:00")


def test_a_line_of_a_runbook_is_asked_as_it_stands(dsn: str) -> None:
    line = "--query-name was_telemetry_complete --param feature=chat --param from=now-2h --param to=now"
    answer = vigil_sql(*line.split(), "--format", "json", "--store", dsn)
    assert answer.exit_code == 0, answer.output
    assert isinstance(json.loads(answer.output), list)


def test_the_list_has_every_question() -> None:
    answer = vigil_sql("--list").output
    assert all(name in answer and load(name).question in answer for name in NAMES)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"feature": "chat", "lookback_minutes": "5"}, "--param at="),
        ({"feature": "chat", "lookback_minutes": "5", "at": "soon"}, "--param at 'soon' is no time"),
        ({"feature": "chat", "lookback_minutes": "5", "at": "now-soon"}, "--param at 'now-soon'"),
        ({"feature": "chat", "lookback_minutes": "5", "at": "2026-11-20", "kpi": "x"}, "no parameter kpi"),
    ],
)
def test_a_wrong_parameter_is_said_in_a_sentence(given: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        stored_parameters(load("what_changed"), given)


@pytest.mark.parametrize("arguments", [[], ["SELECT 1", "--query-name", "what_changed"], ["SELECT 1", "--param", "x"]])
def test_a_wrong_call_is_said_in_a_sentence(arguments: list[str]) -> None:
    answer = vigil_sql(*arguments)
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: ")
    assert answer.output.count("\n") == 1
