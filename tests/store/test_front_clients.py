import subprocess
import sys

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from monitor.store.client import connect
from tests.store.asking import ask, server_client
from tests.store.seeds import at, cell, insert
from tests.store.serving import READER, WRITER


def test_clickhouse_connect_reads(port: int, store: Client) -> None:
    insert(store, "windows", [cell(0, 1, n=3, feature="chat"), cell(10, 1, n=4, feature="chat")])
    client = server_client(port, READER)
    try:
        query = "SELECT window_start, n FROM windows WHERE feature = {f:String} ORDER BY 1"
        rows = client.query(query, parameters={"f": "chat"}).result_rows
        assert rows == [(at(0), 3), (at(10), 4)]
        assert client.command("SELECT count() FROM windows") == 2
        with pytest.raises(DatabaseError, match="164"):
            client.insert("changes", [["x"]], column_names=["event_id"])
    finally:
        client.close()


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_clickhouse_connect_writes(port: int, store: Client, compress: str | bool) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, password=WRITER, compress=compress, autogenerate_session_id=False
    )
    try:
        rows = [[i, f"id-{i}", at(i)] for i in range(2000)]
        client.insert("changes", rows, column_names=["offset", "event_id", "ts"])
        client.raw_insert("changes", ["offset", "event_id"], b'{"offset": 2000, "event_id": "x"}\n', fmt="JSONEachRow")
        client.command("INSERT INTO changes (offset, event_id) VALUES (2001, 'values; with FORMAT in it')")
    finally:
        client.close()
    assert store.query("SELECT count(), countIf(ts > 0) FROM changes").result_rows == [(2002, 2000)]


def test_a_worker_elsewhere_uses_the_same_code_path(port: int, store: Client) -> None:
    client = connect(f"http://default@127.0.0.1:{port}", WRITER)
    try:
        columns = ["row_kind", "window_start", "feature", "n"]
        rows = [["cell", at(0), "chat", 5]]
        for token in ("a", "a", "b"):  # an answer was lost, and the retry must count nothing
            client.insert("windows", rows, column_names=columns, settings={"insert_deduplication_token": token})
        client.command("CREATE OR REPLACE VIEW seen AS SELECT sum(n) AS n FROM windows")
        assert client.query("SELECT n FROM seen").result_rows == [(10,)]
        client.command("DROP VIEW seen")
    finally:
        client.close()
    assert store.query("SELECT count() FROM system.parts WHERE table = 'windows' AND active").result_rows[0][0] <= 2


def test_a_bad_row_says_so_and_writes_nothing(port: int, store: Client) -> None:
    body = b'INSERT INTO changes FORMAT JSONEachRow\n{"event_id": "a"}\n{"event_id": '
    reply = ask(port, body, token=WRITER)
    assert reply.status in (400, 500)
    assert reply.text.startswith("Code: ")
    assert store.query("SELECT count() FROM changes").result_rows == [(0,)]


def test_nothing_sticks_between_queries(port: int) -> None:
    assert ask(port, "SELECT 1", token=WRITER, max_threads="1").status == 200
    assert ask(port, "USE system", token=WRITER).status == 200
    text = "SELECT currentDatabase(), (SELECT changed FROM system.settings WHERE name = 'max_threads')"
    assert ask(port, text, token=WRITER).text == "default\t0\n"


def test_another_process_can_read(port: int) -> None:
    code = (
        "import sys, clickhouse_connect as c\n"
        "client = c.get_client(host='127.0.0.1', port=int(sys.argv[2]), password=sys.argv[1])\n"
        "print(client.query('SELECT count() > 0 FROM system.tables').result_rows)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, READER, str(port)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[(1,)]\n"
