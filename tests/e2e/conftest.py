"""A broker for each test that wants one, and workers on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.embedded import free_port, start_broker
from monitor.producing import ensure_topics
from schemas.topics import TOPICS
from tests.e2e.processes import Workers


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    port = free_port()
    broker = start_broker(port, tmp_path / "broker.log")
    found = Workers(tmp_path, f"127.0.0.1:{port}")
    try:
        ensure_topics(found.broker, TOPICS, 4)
        yield found
    finally:
        found.stop()
        broker.stop()
