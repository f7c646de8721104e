"""The producing side of Kafka: replay, simulate, probe and topic administration, through kafka-python."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import (
    AuthorizationError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
)

from monitor.broker import Broker, as_broker, kafka_arguments
from monitor.errors import UserError
from monitor.greeting import require_listener
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
def sender(broker: Broker | str, client_id: str) -> Iterator[Sender]:
    """A sender whose records the broker acknowledges; flushed on a clean exit. A bare address is plaintext."""
    known = as_broker(broker)
    producer = _client(
        known,
        lambda: KafkaProducer(
            **kafka_arguments(known),
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


def require_broker(broker: Broker | str) -> None:
    """Return when the broker lets us in. Raises UserError when nobody answers, or it does not."""
    known = as_broker(broker)
    _client(known, lambda: _admin(known)).close()


def ensure_topics(
    broker: Broker | str, topics: Iterable[Topic | OtlpTopic], partitions: int, replication: int = 1
) -> list[str]:
    """Create the topics that do not exist, and return their names. Existing ones are left as they are.

    Replication -1 is the broker's default. Raises UserError when the broker is away or refuses.
    """
    known = as_broker(broker)
    admin = _client(known, lambda: _admin(known))
    created = []
    try:
        existing = set(admin.list_topics())
        for topic in topics:
            if topic.name in existing:
                continue
            try:
                admin.create_topics([new_topic(topic, partitions, replication)])
                created.append(topic.name)
            except TopicAlreadyExistsError:
                pass  # another worker was faster
            except KafkaError as error:
                raise UserError(_not_created(topic.name, replication, known, error)) from error
    finally:
        admin.close()
    return created


def new_topic(topic: Topic | OtlpTopic, partitions: int, replication: int) -> NewTopic:
    """What the broker is asked to create."""
    return NewTopic(
        topic.name,
        num_partitions=partitions,
        replication_factor=replication,
        topic_configs={"retention.ms": str(topic.retention_days * _DAY_MS)},
    )


def _not_created(name: str, replication: int, broker: Broker, error: KafkaError) -> str:
    if isinstance(error, InvalidReplicationFactorError):
        return (
            f"{broker} cannot hold {replication} replicas of {name}, as it has fewer brokers that run; start them, "
            "lower VIGIL_REPLICATION, or set it to -1 for the broker's own default"
        )
    if isinstance(error, AuthorizationError):
        return (
            f"{broker} does not let {broker.user or 'us'} create {name}; grant it, or create the topic and set "
            "VIGIL_CREATE_TOPICS=false"
        )
    return f"{broker} did not create {name} ({type(error).__name__}); create it, or set VIGIL_CREATE_TOPICS=false"


def _admin(broker: Broker) -> KafkaAdminClient:
    return KafkaAdminClient(**kafka_arguments(broker), bootstrap_timeout_ms=_PATIENCE_MS)


def _client(broker: Broker, make: Callable[[], T]) -> T:
    require_listener(broker)
    try:
        return make()
    except (KafkaError, OSError, ValueError) as error:
        raise UserError(
            f"what answers at {broker} is no Kafka broker that speaks {broker.protocol} ({type(error).__name__}); are "
            "VIGIL_BROKER and VIGIL_BROKER_SECURITY right?"
        ) from error
