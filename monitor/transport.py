"""Batch-first Faust: one fetched run of records of one partition is one Faust event.

Faust spends about 60 microseconds on every message it hands to an agent. Here the fetch thread packs
up to `batch_records` consecutive records into one Batch, and only Batches travel through Faust; the
consumer group, rebalancing, flow control, agents and producer stay Faust's own.

Whoever stores the results also owns the offsets (`OffsetOwner`): Faust asks it where to start, and
Kafka's committed offset only feeds lag dashboards.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import faust
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage
from faust.types.transports import TransportT

from monitor import lean_records
from monitor.batch import Batch, End
from monitor.scan.record_batch import Columns

_CREATE_TIME = 0
"""What Kafka calls a time that the producer set. Nobody looks at it."""
_SEEKS, _SEEK_PAUSE = 50, 0.2
"""Tries, and seconds between them: ten seconds for a rebalance to say whose the partitions are."""


class OffsetOwner(Protocol):
    """Who stores results, and hence knows where to start. Called on the main loop, during rebalances."""

    async def start_offsets(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Next offset of each partition it has results of. The others start at the earliest record."""

    async def assigned(self, offsets: Mapping[TP, int]) -> None:
        """These partitions begin at these offsets now. May come twice for one assignment."""

    async def revoked(self, partitions: set[TP]) -> None:
        """These partitions go to somebody else as soon as this returns; last chance to store."""


class BatchSchema(faust.Schema):  # type: ignore[type-arg]  # no keys, no values: Batches
    """Hands a Batch on untouched."""

    def __init__(self) -> None:
        super().__init__(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Batches have no key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The Batch itself."""
        return message.value


@dataclass(slots=True)
class _Packed:
    """What the fetch thread puts in the place of the records it packed."""

    batch: Batch
    timestamp: int


class _BatchThread(AIOKafkaConsumerThread):
    """Packs records where they are fetched, so that the main loop never sees a single one.

    `_position` is read and written only in this thread, in one step with the fetch or the seek; that
    makes `Batch.fetched_from` exact, whatever was queued before a seek.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._position: dict[TopicPartition, int] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust has no setting for it; aborted events never happened
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> Mapping[TP, list[Any]]:
        fetched = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        return {tp: list(self._packs(tp, lean_records.columns(batches))) for tp, batches in fetched.items()}

    def _packs(self, tp: TopicPartition, records: Columns) -> Iterator[_Packed]:
        size = _ours(self.transport).batch_records
        for begin in range(0, len(records.offsets), size):
            yield self._pack(tp, records.part(begin, begin + size))

    def _pack(self, tp: TopicPartition, records: Columns) -> _Packed:
        offsets = records.offsets
        first, last = int(offsets[0]), int(offsets[-1])
        batch = Batch(
            topic=tp.topic,
            partition=tp.partition,
            fetched_from=self._position.get(tp, first),
            first=first,
            last=last,
            values=records.values,
            timestamps=records.timestamps,
            offsets=None if last - first + 1 == len(offsets) else offsets,
        )
        self._position[tp] = last + 1
        return _Packed(batch, int(records.timestamps[-1]))

    def packed(self, tp: TopicPartition) -> int:
        """The offset after the last record that was handed on; -1 before the first seek."""
        return self._position.get(tp, -1)

    async def seek_exact(self, offsets: Mapping[TP, int]) -> None:
        """Seek, and remember the position in the same step."""
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            partition = TopicPartition(tp.topic, tp.partition)
            consumer.seek(partition, offset)
            self._position[partition] = offset


class BatchConsumer(Consumer):
    """Commits what was acked in one run from the start, and starts where the OffsetOwner says."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._delivered: defaultdict[TP, deque[int]] = defaultdict(deque)  # last offsets, in delivery order

    def _new_consumer_thread(self) -> _BatchThread:
        return _BatchThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: _Packed) -> ConsumerMessage:
        batch = record.batch
        self._delivered[tp].append(batch.last)
        return ConsumerMessage(
            batch.topic,
            batch.partition,
            batch.last,
            record.timestamp / 1000.0,
            _CREATE_TIME,
            [],
            None,
            cast("bytes", batch),  # Faust hands the value on untouched
            None,
            0,
            len(batch.values),
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _new_offset(self, tp: TP) -> int | None:
        # Faust's own version trusts gaps it has guessed, and can commit past unfinished messages.
        acked, delivered, offset = self._acked_index[tp], self._delivered[tp], None
        while delivered and delivered[0] in acked:
            last = delivered.popleft()
            acked.discard(last)
            offset = last + 1
        self._acked[tp].clear()
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps are known exactly from `Batch.fetched_from`."""

    def _forget(self, partitions: Iterable[TP]) -> None:
        for tp in partitions:
            self._delivered.pop(tp, None)
            self._acked_index.pop(tp, None)
            self._acked.pop(tp, None)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the owner store what it holds while the partitions are still ours."""
        await _ours(self.transport).owner.revoked(revoked)
        await super().on_partitions_revoked(revoked)
        self._forget(revoked)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """The one place where Faust asks where to start: on assignment, and after every pause.

        Faust takes an IllegalStateError (another rebalance has just begun) for a promise that it will ask
        again. Workers were seen to stand still for ever after a broker's restart, this error their last word.
        """
        for _ in range(_SEEKS):
            try:
                return await self._seek_to_start()
            except IllegalStateError:
                await asyncio.sleep(_SEEK_PAUSE)
        return await self._seek_to_start()

    async def _seek_to_start(self) -> Mapping[TP, int]:
        mine = set(self.assignment())
        self._forget(mine)
        owner = _ours(self.transport).owner
        start = dict(await owner.start_offsets(mine))
        if new := mine - start.keys():
            earliest = await self.earliest_offsets(*(TopicPartition(*tp) for tp in new))
            start.update({TP(tp.topic, tp.partition): offset for tp, offset in earliest.items()})
        thread = cast("_BatchThread", self._thread)
        await thread.call_thread(thread.seek_exact, start)
        await owner.assigned(start)
        return start

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has; None before Kafka has said it. Faust's own knows it in the group's leader
        only, and then nobody scores what the other workers own.
        """
        known = cast("_BatchThread", self._thread)._ensure_consumer().partitions_for_topic(topic)
        return None if known is None else len(known)

    def end_of(self, tp: TP) -> End | None:
        """Where a partition of ours ends; None before Kafka has said it."""
        thread = cast("_BatchThread", self._thread)
        consumer, partition = thread._ensure_consumer(), TopicPartition(tp.topic, tp.partition)
        if partition not in consumer.assignment():
            return None
        state = consumer._subscription.subscription.assignment.state_value(partition)
        if state.highwater is None or state.timestamp is None or not state.has_valid_position:
            return None
        return End(state.highwater, state.timestamp / 1000.0, state.position, thread.packed(partition))


class BatchTransport(Transport):
    """Faust's Kafka transport, delivering Batches."""

    Consumer = BatchConsumer

    def __init__(self, app: faust.App, owner: OffsetOwner, batch_records: int = 4000) -> None:
        super().__init__(app.conf.broker_consumer, app)
        lean_records.use()
        self.owner = owner
        self.batch_records = batch_records


def _ours(transport: TransportT) -> BatchTransport:
    return cast("BatchTransport", transport)
