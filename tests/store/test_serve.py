"""The store as a process of its own: two clients write at once, a reader only reads, SIGTERM ends it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from monitor.errors import UserError
from monitor.store.client import connect
from monitor.store.endpoint import find, open_reader
from monitor.store.migrate import migrate
from monitor.store.serve import read_tokens

READER, WRITER = "reader-token-0123456789", "writer-token-0123456789"
SERVE = [sys.executable, "-m", "monitor.store.serve"]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{READER}\n{WRITER}\n")
    return path


@pytest.fixture
def served(tmp_path: Path, tokens: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and its address."""
    command = [*SERVE, str(tmp_path / "store"), "0", str(tokens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"the store {tmp_path / 'store'} answers at http://127.0.0.1:")
        yield process, line.split("//")[1].strip()
        process.send_signal(signal.SIGTERM)


def test_several_clients_share_it(served: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    process, address = served
    clients = [connect(f"http://default@{address}", WRITER) for _ in range(2)]
    for client in clients:
        migrate(client)
        client.insert("schema_migrations", [[900, "test", ""]], column_names=["version", "name", "checksum"])
    reader = open_reader(f"chdb://{tmp_path / 'store'}")  # finds it by itself
    assert reader.query("SELECT count() FROM schema_migrations WHERE version = 900").result_rows == [(2,)]
    with pytest.raises(DatabaseError):
        reader.command("TRUNCATE TABLE schema_migrations")
    for client in (*clients, reader):
        client.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert find(tmp_path / "store") is None


def test_a_wrong_token_opens_nothing(served: tuple[subprocess.Popen[str], str]) -> None:
    with pytest.raises(UserError, match="cannot open the store"):
        connect(f"http://default@{served[1]}", "x" * 20)


@pytest.mark.parametrize("text", ["", READER, f"{READER}\n{WRITER}\nmore"])
def test_a_file_of_two_tokens_is_asked_for(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(UserError, match="two lines"):
        read_tokens(path)
    with pytest.raises(UserError, match="cannot read"):
        read_tokens(tmp_path / "none")


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [*SERVE, str(tmp_path), "0", str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot read")
    assert "Traceback" not in done.stderr
