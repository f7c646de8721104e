"""arroyo (Sentry): its stream processor with one strategy that collects 500 messages and does the work on them."""

from collections.abc import Mapping
from typing import Any

import orjson  # type: ignore[import-not-found,unused-ignore]  # lives in .venv-peers
from arroyo import Topic  # type: ignore[import-not-found,unused-ignore]  # as above
from arroyo.backends.kafka import KafkaConsumer  # type: ignore[import-not-found,unused-ignore]  # as above
from arroyo.backends.kafka.configuration import (  # type: ignore[import-not-found,unused-ignore]  # as above
    build_kafka_consumer_configuration,
)
from arroyo.processing import StreamProcessor  # type: ignore[import-not-found,unused-ignore]  # as above
from arroyo.processing.strategies.abstract import (  # type: ignore[import-not-found,unused-ignore]  # as above
    ProcessingStrategy,
    ProcessingStrategyFactory,
)

from benchmarks.peers.work import Meter, arguments

_BATCH = 500


class _Count(ProcessingStrategy):  # type: ignore[misc,unused-ignore]  # untyped here
    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._held: list[bytes] = []

    def poll(self) -> None:
        """Nothing waits."""

    def submit(self, message: Any) -> None:
        """Hold the message, and work when enough are held or the end has come."""
        held = self._held
        held.append(message.payload.value)
        if len(held) >= _BATCH or self._meter.seen + len(held) >= self._meter.total:
            self._meter.take(held, orjson.loads)
            held.clear()

    def close(self) -> None:
        """Nothing to close."""

    def terminate(self) -> None:
        """Nothing to end."""

    def join(self, timeout: float | None = None) -> None:
        """Nothing to wait for."""


class _Factory(ProcessingStrategyFactory):  # type: ignore[misc,unused-ignore]  # untyped here
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def create_with_partitions(self, commit: Any, partitions: Mapping[Any, int]) -> _Count:
        """One strategy for all partitions."""
        return _Count(self._meter)


def main() -> None:
    """Run the processor until the meter ends the process."""
    given = arguments()
    meter = Meter("arroyo", given.total, ("sentry-arroyo", "confluent-kafka", "orjson"))
    config = build_kafka_consumer_configuration(
        {},
        group_id=given.group,
        auto_offset_reset="earliest",
        bootstrap_servers=[given.broker],
        queued_max_messages_kbytes=65_536,  # librdkafka's own default; arroyo's is so small that it starves
        queued_min_messages=100_000,
        override_params={"session.timeout.ms": 6000},
    )
    meter.start()
    StreamProcessor(KafkaConsumer(config), Topic(given.topic), _Factory(meter)).run()


if __name__ == "__main__":
    main()
