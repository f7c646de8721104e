"""Kafka to ClickHouse, exactly: batches in, one atomic insert out, then the ack.

A flush is, in this order: dead letters acknowledged by the broker; event rows (idempotent); ONE insert
into `windows` that claims the offsets and adds the counts; the ack (`writing.py`). Where a step fails
for good the process must end: the store says where the next one starts.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from clickhouse_connect.driver.client import Client
from faust.types import TP

from monitor.batch import Batch, End
from monitor.clock import Clock, Timer, monotonic, now
from monitor.counting import Counting
from monitor.errors import TopicShrankError
from monitor.intake import Partition
from monitor.memory import IdMemory
from monitor.otlp import OtlpPartition
from monitor.records import Limits
from monitor.settings import Settings
from monitor.store import events as event_rows
from monitor.store.windows import Claim, read_claims
from monitor.tally import Pending
from monitor.windows import SliceCap, Watermark, window_start
from monitor.writing import Writer
from schemas.otlp import OtlpOptions
from schemas.topics import OTLP_TOPIC, TOPICS

log = logging.getLogger("vigil.ingest")
_FRESH_SECONDS = 5.0
"""A partition whose last answer from Kafka is older than this may have a backlog nobody knows of."""
_RECENT = timedelta(days=1)

Ack = Callable[[], object]


class Ingest:
    """What one worker holds between two flushes. An OffsetOwner; all of it runs on the main loop."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        counting: Counting,
        writer: Writer,
        time: tuple[Clock, Timer] = (now, monotonic),
        seed: int | None = None,
    ) -> None:
        """`seed` places ids in memory and changes no result; None for one that nobody outside knows."""
        self._settings = settings
        self._seed = secrets.randbits(63) if seed is None else seed
        self._client = client
        self._counting = counting
        self._writer = writer
        self._clock, self._timer = time
        self._limits = Limits(timedelta(seconds=settings.max_skew), timedelta(days=settings.max_age_days))
        self._topics = {topic.name: topic for topic in TOPICS}
        self._otlp = OtlpOptions(fallback_feature=settings.otlp_feature, reference_key=settings.otlp_key())
        self._lock = asyncio.Lock()
        self._acks: list[Ack] = []
        self._writing: asyncio.Task[None] | None = None
        self._ends: dict[TP, End] = {}
        self._claimed_window: dict[TP, int] = {}
        self._flushed_at = self._timer()
        self._busy = 0
        self.partitions: dict[TP, Partition] = {}

    async def take(self, batch: Batch, ack: Ack) -> None:
        """Count one batch; `ack` is called when it is stored. Waits for a flush when too much is held already."""
        tp = TP(batch.topic, batch.partition)
        partition = self.partitions.get(tp)
        if batch.first < batch.fetched_from:
            where = f"{batch.topic}/{batch.partition}"
            raise TopicShrankError(f"{where} went back to offset {batch.first}: was it recreated?")
        if partition is None or batch.fetched_from != partition.next_offset:
            ack()  # queued before a seek; its records will come again
            return
        if batch.first - batch.fetched_from > 1:  # a single one is a transaction's marker
            log.warning(
                "%s/%d: no record from offset %d to %d: expired before they were read, or compacted",
                *(batch.topic, batch.partition, batch.fetched_from, batch.first - 1),
            )
        tally = partition.take(batch, self._clock(), self._limits)
        batch.let_go()
        self._counting.add(batch.topic, tally)
        self._acks.append(ack)
        pendings = [partition.pending for partition in self.partitions.values()]
        # Repeats add no rows, but what waits for its ack is held in memory all the same.
        rows = sum(max(pending.rows(), pending.tally.records) for pending in pendings)
        size = sum(pending.bytes for pending in pendings)
        if rows >= self._settings.flush_rows or size >= self._settings.flush_bytes:
            await self.flush()

    async def flush(self) -> None:
        """Store what is held, then ack it. After a flush that failed, every later one fails too."""
        async with self._lock:
            await self._written()
            self._tick()
            pending = {tp: self._detach(tp) for tp in self.partitions if self._has_news(tp)}
            self._busy = sum(held.tally.records > 0 for held, _ in pending.values())
            if pending:
                acks, self._acks = self._acks, []
                # A task of its own: what is detached must be stored even if our caller is cancelled.
                self._writing = asyncio.create_task(self._store(pending, acks))
                await self._written()
            self._flushed_at = self._timer()

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    async def _store(self, pending: Mapping[TP, tuple[Pending, Claim]], acks: list[Ack]) -> None:
        await self._writer.write(list(pending.values()))
        for ack in acks:
            ack()

    def _tick(self) -> None:
        moment = self._clock().timestamp()
        for tp, partition in self.partitions.items():
            end = self._ends.get(tp)
            fresh = end is not None and moment - end.said_at < _FRESH_SECONDS
            partition.watermark.tick(moment, fresh and end is not None and _left(partition, end) == 0)
            self._counting.watermark(tp.topic, tp.partition, partition.watermark.value)

    def _has_news(self, tp: TP) -> bool:
        """Records to store, or an idle partition whose watermark has passed another window."""
        partition = self.partitions[tp]
        if partition.pending.tally.records:
            return True
        return window_start(partition.watermark.value) > self._claimed_window.get(tp, 0)

    def _detach(self, tp: TP) -> tuple[Pending, Claim]:
        partition = self.partitions[tp]
        pending, claim = partition.pending, _claim(partition)
        partition.reset()
        self._claimed_window[tp] = window_start(partition.watermark.value)
        partition.cap.forget(self._claimed_window[tp])
        return pending, claim

    def look(self, ends: Mapping[TP, End]) -> None:
        """Take note of where Kafka's partitions end.

        Raises TopicShrankError when one ends before what is already counted. Tansu never says that an
        offset is out of range: after its restart a worker would wait for ever.
        """
        self._ends = dict(ends)
        for tp, end in ends.items():
            partition = self.partitions.get(tp)
            if partition is None:
                continue
            if end.offset < partition.next_offset:
                raise TopicShrankError(
                    f"{tp.topic}/{tp.partition} ends at {end.offset}, but {partition.next_offset} records were "
                    "counted: it was recreated or truncated; use a new store, or a new topic"
                )
            self._counting.lag(tp.topic, tp.partition, _left(partition, end))

    def pause(self) -> float:
        """Seconds until the next flush is due: many busy partitions are written less often, as a store likes it."""
        return max(self._settings.flush_interval, self._busy / self._settings.inserts_per_second)

    def stalled_for(self) -> float:
        """Seconds since the last flush that went through, or that had nothing to do."""
        return self._timer() - self._flushed_at

    # OffsetOwner: called by the transport during rebalances.

    async def start_offsets(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Store what is held, then read where each partition's claims end."""
        await self.flush()
        wanted = [(tp.topic, tp.partition) for tp in partitions]
        recent = self._clock() - _RECENT
        claims = await self._writer.patiently(partial(read_claims, self._client, wanted, recent))
        self.partitions.clear()
        self._acks.clear()
        self._counting.reassigned(self._clock())
        for (topic, number), claim in claims.items():
            memory = self._memory(claim)
            read = partial(event_rows.read_ids, self._client, topic, number, claim.ids_from)
            memory.restore(pair for pair in await self._writer.patiently(read) if pair[0] <= claim.offset_to)
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
            self._claimed_window.pop(tp, None)

    def _own(self, tp: TP, offset: int, memory: IdMemory, watermark: float) -> None:
        self._counting.begin(tp.topic)
        marks = Watermark(self._settings.grace, self._settings.idle_after, watermark)
        cap = SliceCap(self._settings.slice_values)
        if tp.topic == OTLP_TOPIC.name:
            otlp = OtlpPartition(OTLP_TOPIC, tp.partition, offset, memory, marks, cap, options=self._otlp)
            self.partitions[tp] = otlp
        else:
            self.partitions[tp] = Partition(self._topics[tp.topic], tp.partition, offset, memory, marks, cap)

    def _memory(self, claim: Claim | None) -> IdMemory:
        memory = IdMemory(int(self._settings.dedup_horizon * 1000), self._settings.dedup_ids, seed=self._seed)
        if claim is not None:
            memory.ids_from, memory.ids_split = claim.ids_from, claim.ids_split
            memory.split_at_ms = round(claim.split_at.timestamp() * 1000)
        return memory


def _left(partition: Partition, end: End) -> int:
    """Offsets yet to be read. Where all that was packed is counted, the consumer's own position may be further on."""
    read = max(end.position, partition.next_offset) if end.packed <= partition.next_offset else partition.next_offset
    return max(end.offset - read, 0)


def _claim(partition: Partition) -> Claim:
    """What the next flush will say of this partition."""
    pending, memory = partition.pending, partition.memory
    return Claim(
        topic=partition.topic.name,
        partition=partition.number,
        offset_from=pending.offset_from,
        offset_to=pending.offset_to,
        watermark=datetime.fromtimestamp(max(partition.watermark.value, 0.0), UTC),
        records=pending.tally.records,
        accepted=pending.tally.accepted,
        duplicates=pending.tally.duplicates,
        dead_letters=pending.tally.rejected.total(),
        late=pending.tally.late.total(),
        skipped=pending.tally.skipped,
        ids_from=memory.ids_from,
        ids_split=memory.ids_split,
        split_at=datetime.fromtimestamp(memory.split_at_ms / 1000.0, UTC),
    )
