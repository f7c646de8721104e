"""Kafka to ClickHouse, exactly: batches in, one atomic insert out, then the ack.

A flush is, in this order: dead letters acknowledged by the broker; event rows (idempotent); ONE insert
into `windows` that claims the offsets and adds the counts; the ack. Where any step fails for good the
process ends: the store says where the next one starts.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from faust.types import TP

from monitor.batch import Batch
from monitor.clock import Clock, Timer, monotonic, now
from monitor.counting import Counting
from monitor.errors import StoreUnavailableError, TopicShrankError
from monitor.intake import Limits, Partition, Pending
from monitor.memory import IdMemory
from monitor.settings import Settings
from monitor.store import events as event_rows
from monitor.store import windows as window_rows
from monitor.windows import CellKey, SliceCap, Watermark, window_start
from schemas.dead_letter import DeadLetter
from schemas.topics import TOPICS

_BACKOFF = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
"""Seconds between tries of one write; half a minute in all."""

Claim = tuple[window_rows.RangeRow, Mapping[CellKey, Sequence[int]]]

SendLetter = Callable[[DeadLetter], Awaitable[Awaitable[object]]]
"""Hands a dead letter to the producer; the inner awaitable is done when the broker has it."""


class Ingest:
    """What one worker holds between two flushes. An OffsetOwner; all of it runs on the main loop."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        counting: Counting,
        send_letter: SendLetter,
        worker: str,
        time: tuple[Clock, Timer] = (now, monotonic),
    ) -> None:
        self._settings = settings
        self._client = client
        self._counting = counting
        self._send_letter = send_letter
        self._worker = worker
        self._clock, self._timer = time
        self._limits = Limits(timedelta(seconds=settings.max_skew), timedelta(days=settings.max_age_days))
        self._topics = {topic.name: topic for topic in TOPICS}
        self._lock = asyncio.Lock()
        self._acks: list[Callable[[], object]] = []
        self._claimed_watermark: dict[TP, int] = {}
        self.partitions: dict[TP, Partition] = {}

    async def take(self, batch: Batch, ack: Callable[[], object]) -> None:
        """Count one batch; `ack` is called when it is stored. Waits for a flush when too much is held already."""
        tp = TP(batch.topic, batch.partition)
        partition = self.partitions.get(tp)
        if batch.first < batch.previous:
            raise TopicShrankError(
                f"{batch.topic}/{batch.partition} went back to offset {batch.first}: was it recreated?"
            )
        if partition is None or batch.previous != partition.next_offset:
            ack()  # queued before a seek; its records will come again
            return
        tally = partition.take(batch, self._clock(), self._limits)
        self._counting.add(batch.topic, tally)
        self._acks.append(ack)
        if sum(held.pending.size() for held in self.partitions.values()) >= self._settings.flush_cells:
            await self.flush()

    async def flush(self) -> None:
        """Store what is held, then ack it."""
        async with self._lock:
            moment = self._clock().timestamp()
            for partition in self.partitions.values():
                partition.watermark.tick(moment)
            held = {tp: partition for tp, partition in self.partitions.items() if self._has_news(tp, partition)}
            if not held:
                return
            taken = {tp: self._detach(partition) for tp, partition in held.items()}
            acks, self._acks = self._acks, []
            claims = [self._claim(held[tp], pending) for tp, pending in taken.items()]
            await self._write(list(taken.values()), claims)
            for tp, partition in held.items():
                self._claimed_watermark[tp] = window_start(partition.watermark.value)
            for ack in acks:
                ack()

    def _has_news(self, tp: TP, partition: Partition) -> bool:
        """Records to store, or an idle partition whose watermark has passed another window."""
        if partition.pending.tally.records:
            return True
        return window_start(partition.watermark.value) > self._claimed_watermark.get(tp, 0)

    def _detach(self, partition: Partition) -> Pending:
        pending = partition.pending
        partition.reset()
        partition.cap.forget(window_start(partition.watermark.value))
        return pending

    def _claim(self, partition: Partition, pending: Pending) -> Claim:
        tally, memory = pending.tally, partition.memory
        row = window_rows.RangeRow(
            topic=partition.topic.name,
            partition=partition.number,
            offset_from=pending.offset_from,
            offset_to=pending.offset_to,
            watermark=datetime.fromtimestamp(max(partition.watermark.value, 0.0), UTC),
            records=tally.records,
            accepted=tally.accepted,
            duplicates=tally.duplicates,
            dead_letters=tally.rejected.total(),
            late=tally.late.total(),
            ids_from=memory.ids_from,
            ids_split=memory.ids_split,
            split_at=datetime.fromtimestamp(memory.split_at_ms / 1000.0, UTC),
        )
        return row, pending.cells.counts

    async def _write(self, held: list[Pending], claims: list[Claim]) -> None:
        sent = [await self._send_letter(letter) for pending in held for letter in pending.letters]
        await asyncio.gather(*sent)  # a claimed offset's dead letter must exist
        started = self._timer()
        for table in sorted({table for pending in held for table in pending.lines}):
            rows = [row for pending in held for row in pending.lines.get(table, ())]
            await self._until_stored(partial(event_rows.insert_rows, self._client, table, rows))
        token = uuid.uuid4().hex
        await self._until_stored(partial(window_rows.insert_flush, self._client, claims, self._worker, token))
        self._counting.stored(self._timer() - started, self._clock())

    async def _until_stored(self, write: Callable[[], None]) -> None:
        for pause in (*_BACKOFF, None):
            try:
                await asyncio.to_thread(write)
                return
            except (ClickHouseError, OSError) as error:
                self._counting.refused()
                if pause is None:
                    raise StoreUnavailableError(f"the store took no write for {sum(_BACKOFF):.0f} s") from error
                await asyncio.sleep(pause)

    # OffsetOwner: called by the transport during rebalances.

    async def start_offsets(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Store what is held, then read where each partition's claims end."""
        await self.flush()
        wanted = [(tp.topic, tp.partition) for tp in partitions]
        claims = await asyncio.to_thread(window_rows.read_claims, self._client, wanted)
        self.partitions.clear()
        self._acks.clear()
        for (topic, number), claim in claims.items():
            memory = self._memory(claim)
            ids = await asyncio.to_thread(event_rows.read_ids, self._client, topic, number, claim.ids_from)
            memory.restore(pair for pair in ids if pair[0] <= claim.offset_to)
            self._own(TP(topic, number), claim.offset_to + 1, memory, claim.watermark.timestamp())
        return {tp: partition.next_offset for tp, partition in self.partitions.items()}

    async def assigned(self, offsets: Mapping[TP, int]) -> None:
        """Begin the partitions that nobody has counted yet."""
        for tp, offset in offsets.items():
            if tp not in self.partitions:
                self._own(tp, offset, self._memory(None), 0.0)

    async def revoked(self, partitions: set[TP]) -> None:
        """Store what is held, and let go."""
        await self.flush()
        for tp in partitions:
            self.partitions.pop(tp, None)
            self._claimed_watermark.pop(tp, None)

    def _own(self, tp: TP, offset: int, memory: IdMemory, watermark: float) -> None:
        marks = Watermark(self._settings.grace, self._settings.idle_after, watermark)
        cap = SliceCap(self._settings.slice_values)
        self.partitions[tp] = Partition(self._topics[tp.topic], tp.partition, offset, memory, marks, cap)

    def _memory(self, claim: window_rows.RangeRow | None) -> IdMemory:
        memory = IdMemory(int(self._settings.dedup_horizon * 1000), self._settings.dedup_ids)
        if claim is not None:
            memory.ids_from, memory.ids_split = claim.ids_from, claim.ids_split
            memory.split_at_ms = round(claim.split_at.timestamp() * 1000)
        return memory

    def check_broker(self, highwater: Callable[[TP], int | None]) -> None:
        """Raise TopicShrankError when a topic ends before what is already counted.

        Tansu never says that an offset is out of range: after its restart a worker would wait for ever.
        """
        for tp, partition in self.partitions.items():
            end = highwater(tp)
            if end is not None and end < partition.next_offset:
                raise TopicShrankError(
                    f"{tp.topic}/{tp.partition} ends at {end}, but {partition.next_offset} records were counted: "
                    "it was recreated or truncated; use a new store, or a new topic"
                )
            if end is not None:
                self._counting.lag(tp.topic, tp.partition, end - partition.next_offset)
            self._counting.watermark(tp.topic, tp.partition, partition.watermark.value)
