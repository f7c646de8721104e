import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.broker import Broker
from monitor.cli import main
from monitor.errors import UserError
from monitor.ports import free_port
from monitor.producing import ensure_topics, require_broker, sender
from schemas.topics import TOPICS


@pytest.mark.parametrize("broker", ["127.0.0.1:{port}", "nonsense", "127.0.0.1:no"])
def test_no_broker_is_one_sentence_that_says_what_to_do(broker: str) -> None:
    address = broker.format(port=free_port())
    with pytest.raises(UserError, match="VIGIL_BROKER"):
        ensure_topics(address, TOPICS, 1)
    with pytest.raises(UserError, match="VIGIL_BROKER"), sender(address, "test"):
        pass


@pytest.fixture(name="deaf")
def _deaf() -> Iterator[str]:
    """The address of somebody who hangs up on everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_whoever_hangs_up_is_told_about_at_once(deaf: str) -> None:
    with pytest.raises(UserError, match="VIGIL_BROKER_SECURITY"):
        require_broker(Broker(deaf, sasl="PLAIN", user="u", password="p"))


@pytest.mark.parametrize(
    "command",
    [
        ["normal", "--what", "prompt", "--all-features"],
        ["simulate", "--seconds", "1"],
        ["replay", "events.ndjson"],
        ["probe"],
    ],
)
def test_every_command_that_sends_asks_the_settings_how(command: list[str], tmp_path: Path) -> None:
    settings = {
        "VIGIL_BROKER": "kafka.invalid:9093",
        "VIGIL_BROKER_SECURITY": "ssl",
        "VIGIL_BROKER_CA_FILE": "/nowhere",
        "VIGIL_STORE": f"chdb://{tmp_path}/store",
    }
    event = '{"kind": "interaction", "event_id": "e-1", "ts": "2026-11-20T10:00:00Z", "emitter": "a", "feature": "f"}'
    (tmp_path / "events.ndjson").write_text(f"{event}\n")
    words = [str(tmp_path / word) if word.endswith(".ndjson") else word for word in command]
    told = CliRunner().invoke(main, words, env=settings)
    assert told.exit_code == 1
    assert "cannot use VIGIL_BROKER_CA_FILE /nowhere" in told.output
