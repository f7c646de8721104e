"""The floor: confluent-kafka's consume() and orjson in a loop, without a consumer group."""

import orjson  # type: ignore[import-not-found,unused-ignore]  # lives in .venv-peers
from confluent_kafka import (  # type: ignore[import-not-found,unused-ignore]  # as above
    OFFSET_BEGINNING,
    Consumer,
    TopicPartition,
)

from benchmarks.peers.work import Meter, arguments


def main() -> None:
    """Consume until the meter ends the process."""
    given = arguments()
    meter = Meter("bare", given.total, ("confluent-kafka", "orjson"))
    meter.start()
    consumer = Consumer({"bootstrap.servers": given.broker, "group.id": given.group, "enable.auto.commit": False})
    consumer.assign([TopicPartition(given.topic, number, OFFSET_BEGINNING) for number in range(given.partitions)])
    while True:
        messages = consumer.consume(5000, 1.0)
        meter.take([message.value() for message in messages if message.error() is None], orjson.loads)


if __name__ == "__main__":
    main()
