"""A broker for each test that wants one, and workers on it: Tansu and Apache Kafka in turn."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.embedded import start_broker
from monitor.errors import UserError
from monitor.ports import free_port
from monitor.producing import ensure_topics
from schemas.topics import TOPICS
from tests.e2e.processes import Served, Workers
from tests.kafka.broker import renew_topics, start_kafka
from tests.programs import do_without


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Apache Kafka, one for all tests: it takes four seconds to start."""
    try:
        broker, address = start_kafka(tmp_path_factory.mktemp("kafka"))
    except UserError as error:
        do_without("Apache Kafka", str(error))
    try:
        yield address
    finally:
        broker.stop()


@contextmanager
def on_tansu(folder: Path) -> Iterator[Workers]:
    port = free_port()
    broker = start_broker(port, folder / "broker.log")
    found = Workers(folder, f"127.0.0.1:{port}")
    try:
        ensure_topics(found.broker, TOPICS, 4)
        yield found
    finally:
        found.stop()
        broker.stop()


@contextmanager
def on_kafka(folder: Path, address: str) -> Iterator[Workers]:
    """New topics and a new group. A killed worker is missed after 3 s, or tests would wait for nothing else."""
    renew_topics(address, 4)
    settings = {"GROUP": f"test-{secrets.token_hex(4)}", "SESSION_TIMEOUT": "3"}
    found = Workers(folder, address, settings)
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(params=["tansu", "kafka"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    """Workers with an embedded store, on each broker."""
    made = on_tansu(tmp_path) if request.param == "tansu" else on_kafka(tmp_path, request.getfixturevalue("kafka"))
    with made as found:
        yield found


@pytest.fixture
def kafka_workers(kafka: str, tmp_path: Path) -> Iterator[Workers]:
    """Workers with an embedded store, on Apache Kafka."""
    with on_kafka(tmp_path, kafka) as found:
        yield found


@pytest.fixture
def group(kafka_workers: Workers, tmp_path: Path) -> Iterator[Workers]:
    """Workers on Apache Kafka that share one served store."""
    store = Served(tmp_path)
    kafka_workers.settings |= store.settings
    try:
        yield kafka_workers
    finally:
        kafka_workers.stop()
        store.stop()
