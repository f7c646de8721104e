import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from monitor.errors import UserError
from monitor.store.endpoint import ENDPOINT, LOCK, Endpoint, Hold, find, open_reader, open_writer
from tests.store.serving import READER, serving

HOLDER = """
import sys
from pathlib import Path
from monitor.store.endpoint import Hold
hold = Hold(Path(sys.argv[1]))
if len(sys.argv) > 2:
    hold.publish("http://127.0.0.1:1", "nobody-listens-here")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process_holds(path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path), *more]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_store_has_one_holder_and_the_error_names_it(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as holder, pytest.raises(UserError, match=f"process {holder.pid} holds"):
        Hold(tmp_path)
    with Hold(tmp_path):  # a killed holder holds nothing
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    with Hold(tmp_path):
        pass


def test_the_endpoint_is_private_and_goes_with_the_hold(tmp_path: Path) -> None:
    with Hold(tmp_path) as hold:
        assert find(tmp_path) is None
        hold.publish("http://127.0.0.1:8124", READER)
        assert find(tmp_path) == Endpoint("http://127.0.0.1:8124", READER, os.getpid())
        assert (tmp_path / ENDPOINT).stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in tmp_path.iterdir()) == [ENDPOINT, LOCK]
    assert find(tmp_path) is None
    hold.release()


def test_what_a_dead_process_published_is_forgotten(tmp_path: Path) -> None:
    with another_process_holds(tmp_path, "publish") as holder:
        assert find(tmp_path) == Endpoint("http://127.0.0.1:1", "nobody-listens-here", holder.pid)
    assert (tmp_path / ENDPOINT).exists()
    assert find(tmp_path) is None
    with Hold(tmp_path):
        assert not (tmp_path / ENDPOINT).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 1, "reader_token": 2, "pid": "x"}', "\x00"])
def test_a_damaged_endpoint_is_no_endpoint(tmp_path: Path, text: str) -> None:
    (tmp_path / ENDPOINT).write_text(text)
    assert find(tmp_path) is None


def test_a_held_store_without_a_front_says_who_holds_it(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as holder, pytest.raises(UserError, match=str(holder.pid)):
        open_reader(f"chdb://{tmp_path}")
    with another_process_holds(tmp_path, "publish") as holder, pytest.raises(UserError, match="does not answer"):
        open_reader(f"chdb://{tmp_path}")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no store"):
        open_reader(f"chdb://{tmp_path}/nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_held_store_is_read_through_its_holder(migrated_store: Client, store_path: Path) -> None:
    with Hold(store_path) as hold, serving(store_path) as port:
        hold.publish(f"http://127.0.0.1:{port}", READER)
        client = open_reader(f"chdb://{store_path}")
        assert client.query("SELECT 1 AS x").result_rows == [(1,)]
        with pytest.raises(ClickHouseError, match="164"):
            client.command("DROP TABLE windows")
        client.close()
        with pytest.raises(UserError, match="holds the store"):
            open_writer(f"chdb://{store_path}")


def test_an_idle_store_is_opened_here_and_only_read(migrated_store: Client, store_path: Path) -> None:
    client = open_reader(f"chdb://{store_path}")
    with pytest.raises(UserError, match=f"process {os.getpid()} holds"):
        Hold(store_path)
    assert client.query("SELECT 1 AS x").result_rows == [(1,)]
    with pytest.raises(ClickHouseError, match="164"):
        client.command("DROP TABLE windows")
    client.close()
    writer = open_writer(f"chdb://{store_path}")
    writer.command("CREATE OR REPLACE VIEW passing AS SELECT 1")
    writer.command("DROP VIEW passing")
    writer.close()
    with Hold(store_path):
        assert find(store_path) is None
