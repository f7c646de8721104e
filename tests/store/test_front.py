import asyncio
import gzip
import http.client
import json
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lz4.frame  # type: ignore[import-untyped]
import pytest
from clickhouse_connect.driver.client import Client

from monitor.errors import UserError
from monitor.store.front import StoreFront, Tokens
from tests.store.asking import ask
from tests.store.serving import READER, WRITER


@pytest.mark.parametrize("token", [None, "", "reader-token-012345678", "wrong-token-0123456789", READER + "x"])
def test_without_the_token_nothing_is_answered(port: int, token: str | None) -> None:
    reply = ask(port, "SELECT 42", token=token)
    assert reply.status == 401
    assert reply.headers["X-ClickHouse-Exception-Code"] == "516"
    assert "42" not in reply.text


def test_the_token_may_come_in_four_ways(port: int) -> None:
    basic = b64encode(f"me:{READER}".encode()).decode()
    ways = [
        ask(port, "SELECT 42", token=READER),
        ask(port, "SELECT 42", token=None, headers={"Authorization": f"Basic {basic}"}),
        ask(port, "SELECT 42", token=None, headers={"Authorization": f"Bearer {READER}"}),
        ask(port, "SELECT 42", token=None, password=READER),
    ]
    assert [(way.status, way.text) for way in ways] == [(200, "42\n")] * 4


def test_a_ping_needs_no_token_and_says_nothing(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"Ok.\n"
    connection.close()


def test_only_loopback_and_only_two_long_tokens(store_path: Path) -> None:
    front = StoreFront(store_path, Tokens(READER, WRITER))
    with pytest.raises(UserError, match=r"127\.0\.0\.1"):
        asyncio.run(front.start("0.0.0.0", 0))  # noqa: S104  # refused
    asyncio.run(front.stop())
    for tokens in (Tokens("short", WRITER), Tokens(WRITER, WRITER)):
        with pytest.raises(UserError, match="two different tokens"):
            StoreFront(store_path, tokens)


def test_a_taken_port_is_said_in_a_sentence(port: int, store_path: Path) -> None:
    front = StoreFront(store_path, Tokens(READER, WRITER))
    with pytest.raises(UserError, match="VIGIL_SQL_PORT"):
        asyncio.run(front.start("127.0.0.1", port))


# What a reader may not do. Each of these was tried on the engine alone first; many of them worked.

ATTACKS = [
    "INSERT INTO changes (event_id) VALUES ('x')",
    "CREATE TABLE mine (x Int32) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (x Int32)",
    "TRUNCATE TABLE windows",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO/**/OUTFILE '{out}' TRUNCATE",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "INSERT INTO changes FROM INFILE '{secret}' FORMAT CSV",
    "SELECT file('{secret}')",
    "SELECT `file`('{secret}')",
    "SELECT * FROM file('{secret}')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM `{secret}`",
    "DESCRIBE file('{secret}')",
    "DESCRIBE TABLE `{secret}`",
    "EXPLAIN SELECT * FROM `{secret}`",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM sqlite('{out}', 't')",
    "SELECT * FROM url('http://127.0.0.1:{port}/ping', 'CSV')",
    "DESCRIBE url('http://127.0.0.1:{port}/ping', 'CSV')",
    "SELECT * FROM s3('http://127.0.0.1:{port}/a/b', 'CSV')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM mysql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM executable('id', 'TSV', 'x String')",
    "SELECT * FROM Python(os)",
    "SELECT * FROM python('os')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT aiGenerate('x')",
    "BACKUP TABLE windows TO File('{out}')",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "USE system",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1; SELECT 2",
    "SELECT $$ ' $$ INTO OUTFILE '{out}' --'",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("how", ["reader", "GET of a writer"])
def test_a_reader_reaches_no_file_no_network_and_no_table(port: int, tmp_path: Path, attack: str, how: str) -> None:
    out, secret = tmp_path / "out", tmp_path / "secret.csv"
    secret.write_text("hush,1\n")
    text = attack.replace("{out}", str(out)).replace("{secret}", str(secret)).replace("{port}", str(port))
    reply = ask(port, text) if how == "reader" else ask(port, token=WRITER, method="GET", query=text)
    assert reply.status in (400, 403)
    assert "hush" not in reply.text
    assert not out.exists()
    assert ask(port, "SELECT getSetting('readonly')").text == "1\n"


def test_a_readers_settings_change_nothing(port: int) -> None:
    reply = ask(
        port, "SELECT getSetting('readonly'), getSetting('max_execution_time')", readonly="0", max_execution_time="0"
    )
    assert reply.text == "1\t1\n"


def test_a_format_parameter_cannot_be_a_query(port: int) -> None:
    assert ask(port, "SELECT 1", default_format="CSV INTO OUTFILE 'x'").status == 400
    assert ask(port, "SELECT 1", default_format="dataframe").status == 400


# What a reader may do.


def test_formats_and_parameters_go_through(port: int) -> None:
    reply = ask(port, "SELECT {n:UInt8} + 1 AS a, {s:String} AS b FORMAT JSON", param_n="1", param_s="it's")
    assert json.loads(reply.text)["data"] == [{"a": 2, "b": "it's"}]
    assert reply.headers["X-ClickHouse-Format"] == "JSON"
    assert ask(port, method="GET", query="SELECT 1 AS a", default_format="CSVWithNames").text == '"a"\n1\n'
    assert ask(port, "SELECT name FROM tables LIMIT 0", database="system").status == 200


def test_go_clients_get_the_blocks_they_ask_for(port: int) -> None:
    plain = ask(port, "SELECT 'x' AS a", default_format="Native").text
    framed = ask(port, "SELECT 'x' AS a", default_format="Native", client_protocol_version="54460", async_insert="0")
    assert plain == "\x01\x01\x01a\x06String\x01x"
    assert framed.raw == bytes([1, 0, 2, 255, 255, 255, 255, 0]) + b"\x01\x01\x01a\x06String\x00\x01x"
    reply = ask(port, "SELECT sumState(1)", default_format="Native", client_protocol_version="54460")
    assert (reply.status, "AggregateFunction" in reply.text) == (400, True)


def test_many_at_once_do_not_mix(port: int, store: Client) -> None:
    def one(number: int) -> bool:
        if number % 3 == 0:
            body = f'INSERT INTO changes (offset, event_id) FORMAT JSONEachRow\n{{"offset": {number}, "event_id": "x"}}'
            return ask(port, body, token=WRITER, max_threads=str(1 + number % 2)).status == 200
        text = "SELECT sum(number) + {n:UInt64} FROM numbers(100000)"
        return ask(port, text, param_n=str(number)).text == f"{4999950000 + number}\n"

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, range(90)))
    assert store.query("SELECT count() FROM changes").result_rows == [(30,)]


def test_errors_have_a_code_and_no_stack(port: int) -> None:
    cases = {"SELEC 1": (403, "164"), "SELECT 1 +": (400, "62"), "SELECT * FROM nowhere": (400, "60")}
    for text, (status, code) in cases.items():
        reply = ask(port, text)
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (status, code)
        assert "Stack trace" not in reply.text
        assert reply.text.count("\n") == 1


def test_time_memory_and_sizes_have_limits(port: int) -> None:
    slow = ask(port, "SELECT max(cityHash64(number)) FROM numbers(1000000000000)")
    assert (slow.status, slow.headers["X-ClickHouse-Exception-Code"]) == (500, "159")
    large = ask(port, "SELECT number FROM numbers(100000000)")
    assert (large.status, large.headers["X-ClickHouse-Exception-Code"]) == (500, "396")
    assert ask(port, "SELECT 1 --" + "x" * 20_000).status == 413
    bomb = gzip.compress(b"SELECT 1 --" + b"x" * 50_000)
    assert ask(port, bomb, headers={"Content-Encoding": "gzip"}).status == 413


def test_packed_bodies_are_read_and_damaged_ones_refused(port: int) -> None:
    for name, body in {"gzip": gzip.compress(b"SELECT 7"), "lz4": lz4.frame.compress(b"SELECT 7")}.items():
        assert ask(port, body, headers={"Content-Encoding": name}).text == "7\n"
        assert ask(port, body[:-6], headers={"Content-Encoding": name}).status == 400
        assert ask(port, b"SELECT 7", headers={"Content-Encoding": name}).status == 400
    assert ask(port, b"SELECT 7", headers={"Content-Encoding": "rot13"}).status == 400


# The client that Vigil itself uses.
