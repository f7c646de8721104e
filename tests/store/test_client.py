"""Which stores are opened, and how. What needs a server with TLS is in tests/e2e/test_kafka_tls.py."""

import socket
import threading
from pathlib import Path
from unittest.mock import patch

import pytest

from monitor.errors import UserError
from monitor.store.client import connect, refusal

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("http://vigil@clickhouse:8123/vigil", "VIGIL_CLEARTEXT_PASSWORDS"),
        ("http://vigil@10.1.2.3:8443/vigil", "VIGIL_CLEARTEXT_PASSWORDS"),
        ("https://vigil:hunter2@clickhouse/vigil", "VIGIL_STORE_PASSWORD_FILE"),
        ("https://vigil@clickhouse/vigil?verify=false", "checks of TLS"),
        ("postgres://vigil@clickhouse/vigil", "VIGIL_STORE must begin"),
    ],
)
def test_a_store_that_would_give_the_password_away_is_refused(dsn: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as found:
        connect(dsn, SECRET)
    assert SECRET not in str(found.value)


@pytest.mark.parametrize(
    ("dsn", "password", "cleartext"),
    [
        ("http://vigil@clickhouse:8123/vigil", "", False),
        ("http://vigil@clickhouse:8123/vigil", SECRET, True),
        ("http://vigil@localhost:8123/vigil", SECRET, False),
        ("http://default@127.0.0.1:8123", SECRET, False),
        ("https://vigil@clickhouse:8443/vigil", SECRET, False),
        ("chdb:///anywhere", SECRET, False),
    ],
)
def test_these_may_be_opened(dsn: str, password: str, cleartext: bool) -> None:
    assert refusal(dsn, password, None, cleartext) is None


def test_a_file_of_authorities_is_for_https_and_has_some(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("none")
    assert "https://" in str(refusal("http://vigil@clickhouse/vigil", "", tmp_path / "ca", True))
    for path in (tmp_path / "ca", tmp_path / "missing"):
        assert f"VIGIL_STORE_CA_FILE {path}" in str(refusal("https://vigil@clickhouse/vigil", "", path, False))


@pytest.mark.parametrize("port", ["", ":8123", ":9443"])
def test_https_is_tls_on_every_port_and_certificates_are_verified(port: str) -> None:
    """clickhouse-connect itself goes by the port, and spoke plain HTTP to https://host:9443."""
    with patch("clickhouse_connect.driver.HttpClient") as made:
        connect(f"https://vigil@clickhouse{port}/vigil", SECRET)
    interface, _, used = made.call_args.args[:3]
    assert (interface, used) == ("https", int(port[1:] or 8443))
    assert made.call_args.kwargs["verify"] is True


def first_words(server: socket.socket, heard: list[bytes]) -> None:
    """What the first caller says; then nobody listens any more."""
    peer, _ = server.accept()
    with server, peer:
        heard.append(peer.recv(1000))


def test_https_begins_with_a_handshake_and_not_with_the_password() -> None:
    server, heard = socket.create_server(("127.0.0.1", 0)), list[bytes]()
    port = server.getsockname()[1]
    thread = threading.Thread(target=first_words, args=(server, heard))
    thread.start()
    with pytest.raises(UserError, match="cannot open the store"):
        connect(f"https://vigil@127.0.0.1:{port}/vigil", SECRET)
    thread.join()
    assert [words[:1] for words in heard] == [b"\x16"]  # TLS: handshake
