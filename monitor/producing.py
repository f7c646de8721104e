"""The producing side of Kafka: replay, simulate, probe and topic administration, through kafka-python."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from monitor.errors import UserError
from schemas.topics import OtlpTopic, Topic

T = TypeVar("T")

_DAY_MS = 86_400_000
_PATIENCE_MS = 10_000


@dataclass(slots=True)
class Sender:
    """Sends bytes to topics and remembers what failed. `flush` raises when anything did."""

    producer: KafkaProducer
    sent: int = 0
    _failures: list[str] = field(default_factory=list)

    def send(self, topic: str, value: bytes | None, key: str) -> None:
        """Queue one record; blocks when the buffer is full."""
        self.producer.send(topic, value=value, key=key.encode()).add_errback(self._failed)
        self.sent += 1

    def flush(self) -> None:
        """Wait until the broker has everything. Raises UserError when it refused any of it."""
        self.producer.flush()
        if self._failures:
            first = self._failures[0]
            raise UserError(f"the broker refused {len(self._failures)} records, the first with {first}")

    @property
    def refused(self) -> int:
        """Records that the broker did not acknowledge so far."""
        return len(self._failures)

    def _failed(self, error: BaseException) -> None:
        self._failures.append(type(error).__name__)


@contextmanager
def sender(broker: str, client_id: str) -> Iterator[Sender]:
    """A sender whose records the broker acknowledges; flushed on a clean exit."""
    producer = _client(
        broker,
        lambda: KafkaProducer(
            bootstrap_servers=broker.split(","),
            client_id=client_id,
            bootstrap_timeout_ms=_PATIENCE_MS,
            acks="all",
            linger_ms=20,
            enable_idempotence=False,  # Tansu refuses it; Vigil drops repeats by event id
            max_request_size=8_000_000,
        ),
    )
    try:
        out = Sender(producer)
        yield out
        out.flush()
    finally:
        producer.close(timeout=5)


def ensure_topics(broker: str, topics: Iterable[Topic | OtlpTopic], partitions: int) -> list[str]:
    """Create the topics that do not exist, and return their names. Existing ones are left as they are."""
    servers = broker.split(",")
    admin = _client(broker, lambda: KafkaAdminClient(bootstrap_servers=servers, bootstrap_timeout_ms=_PATIENCE_MS))
    created = []
    try:
        existing = set(admin.list_topics())
        for topic in topics:
            if topic.name in existing:
                continue
            new = NewTopic(
                topic.name,
                num_partitions=partitions,
                replication_factor=1,
                topic_configs={"retention.ms": str(topic.retention_days * _DAY_MS)},
            )
            try:
                admin.create_topics([new])
                created.append(topic.name)
            except TopicAlreadyExistsError:
                pass  # another worker was faster
    finally:
        admin.close()
    return created


def _client(broker: str, make: Callable[[], T]) -> T:
    _require_listener(broker)
    try:
        return make()
    except (KafkaError, OSError, ValueError) as error:
        why = type(error).__name__
        raise UserError(f"what answers at {broker} is no Kafka broker ({why}); is VIGIL_BROKER right?") from error


def _require_listener(broker: str) -> None:
    # kafka-python keeps trying for its whole patience, and leaks the sockets of every try.
    for server in broker.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0):
                return
        except (OSError, ValueError):
            continue
    raise UserError(f"no Kafka broker answers at {broker}; is VIGIL_BROKER right, and is the broker up?")
