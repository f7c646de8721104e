"""Puts records into a topic, fast: whole record batches through aiokafka, partition by partition in turn."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from monitor.clock import now
from monitor.producing import ensure_topics
from schemas.topics import TELEMETRY_TOPIC, TOPICS

_RUN = 50
"""Neighbours that go to one partition before the next one's turn."""


def load(broker: str, records: Sequence[bytes], partitions: int, batch_bytes: int = 256 * 1024) -> None:
    """Create Vigil's topics and fill ai.telemetry. `batch_bytes` is the size of a record batch in Kafka.

    Raises UserError when no broker answers, and RuntimeError when the topic exists already: its partitions
    and records would not be ours.
    """
    if TELEMETRY_TOPIC.name not in ensure_topics(broker, TOPICS, partitions):
        raise RuntimeError(f"{TELEMETRY_TOPIC.name} exists already")
    asyncio.run(_send(broker, records, partitions, batch_bytes))


async def _send(broker: str, records: Sequence[bytes], partitions: int, batch_bytes: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, max_batch_size=batch_bytes, max_request_size=2 * batch_bytes + 100_000
    )
    await producer.start()
    try:
        moment = int(now().timestamp() * 1000)
        batches = [producer.create_batch() for _ in range(partitions)]
        for start in range(0, len(records), _RUN):
            partition = start // _RUN % partitions
            for record in records[start : start + _RUN]:
                if batches[partition].append(key=None, value=record, timestamp=moment) is None:
                    await producer.send_batch(batches[partition], TELEMETRY_TOPIC.name, partition=partition)
                    batches[partition] = producer.create_batch()
                    batches[partition].append(key=None, value=record, timestamp=moment)
        for partition, batch in enumerate(batches):
            await producer.send_batch(batch, TELEMETRY_TOPIC.name, partition=partition)
    finally:
        await producer.stop()  # waits until everything is sent
