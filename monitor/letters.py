"""Dead letters to the broker, many in one record batch: Faust takes a tenth of a millisecond for each alone."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTER_TOPIC

BATCH_BYTES = 262_144
"""Size of a record batch; the producer must be told of it when it is made."""


class Letterbox:
    """Sends through the worker's own aiokafka producer, which `producer` gives once it has started."""

    def __init__(self, producer: Callable[[], Any]) -> None:
        self._producer = producer

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the broker has acknowledged all of them. Raises KafkaError, and NotReady before the start."""
        if not letters:
            return
        producer = self._producer()
        partitions = sorted(await producer.partitions_for(DEAD_LETTER_TOPIC.name))
        groups: defaultdict[int, list[DeadLetter]] = defaultdict(list)
        for letter in letters:  # by source, so that a letter written twice stands twice in one partition
            groups[partitions[letter.source_partition % len(partitions)]].append(letter)
        await asyncio.gather(*(_send_group(producer, partition, group) for partition, group in groups.items()))


async def _send_group(producer: Any, partition: int, letters: Sequence[DeadLetter]) -> None:
    """Send to one partition, in order."""
    sent: list[Awaitable[object]] = []
    batch = producer.create_batch()
    for letter in letters:
        key = f"{letter.source_topic}/{letter.source_partition}/{letter.source_offset}".encode()
        value = letter.model_dump_json().encode()
        if batch.append(key=key, value=value, timestamp=None) is None:  # full
            sent.append(await producer.send_batch(batch, DEAD_LETTER_TOPIC.name, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    sent.append(await producer.send_batch(batch, DEAD_LETTER_TOPIC.name, partition=partition))
    await asyncio.gather(*sent)
