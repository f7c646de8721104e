"""One fetched batch in; what to store, count and refuse out. No I/O: the time is an argument."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.batch import Batch
from monitor.memory import IdMemory
from monitor.windows import DIMENSIONS, WINDOW_SECONDS, Cells, Slice, SliceCap, Watermark, window_start
from schemas.change import Change
from schemas.codec import Reject, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.outcomes import evaluation_mask, interaction_mask
from schemas.review import Review
from schemas.telemetry import Evaluation, Heartbeat, Interaction
from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Limits:
    """What an event may be. Times are judged by the worker's clock, not by the producer's."""

    max_skew: timedelta
    max_age: timedelta


@dataclass(slots=True)
class Tally:
    """What happened to the records of one or more batches, for metrics and for the range row."""

    records: int = 0
    skipped: int = 0
    """Offsets without a record: expired before we read them, compacted, or transaction markers."""
    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    folded: Counter[str] = field(default_factory=Counter)
    masks: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Events by (feature, mask)."""
    heartbeats: list[Heartbeat] = field(default_factory=list)


@dataclass(slots=True)
class Pending:
    """What one partition adds to the store at the next flush."""

    offset_from: int
    offset_to: int
    cells: Cells = field(default_factory=Cells)
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    """JSON rows by table."""
    bytes: int = 0
    """Size of those rows."""
    letters: list[DeadLetter] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def rows(self) -> int:
        """Rows it will write."""
        return len(self.cells) + sum(len(lines) for lines in self.lines.values()) + len(self.letters)


@dataclass(slots=True)
class Partition:
    """What a worker knows of one partition it owns."""

    topic: Topic
    number: int
    next_offset: int
    memory: IdMemory
    watermark: Watermark
    cap: SliceCap
    pending: Pending = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a new flush after the last one."""
        self.pending = Pending(self.next_offset, self.next_offset - 1)

    def take(self, batch: Batch, now: datetime, limits: Limits) -> Tally:
        """Sort every record of a batch into events, repeats and dead letters. Returns this batch's tally."""
        tally = Tally(records=len(batch.values), skipped=batch.last + 1 - batch.fetched_from - len(batch.values))
        # A record's time may be the producer's; a wrong one must not stop the turning of the memory.
        latest = int((now + limits.max_skew).timestamp() * 1000)
        for index, value in enumerate(batch.values):
            event = decode(self.topic.adapter, value)
            if not isinstance(event, Reject):
                event = _check_time(event, now, limits)
            offset = batch.offset_of(index)
            if isinstance(event, Reject):
                tally.rejected[event.reason] += 1
                self.pending.letters.append(_letter(batch, offset, value, event, now))
            elif self.memory.is_new(event.event_id, offset, min(max(batch.timestamps[index], 0), latest)):
                tally.accepted += 1
                self._accept(event, offset, now, tally)
            else:
                tally.duplicates += 1
        self.next_offset = batch.last + 1
        self.pending.offset_to = batch.last
        _add(self.pending.tally, tally)
        return tally

    def _accept(self, event: "Event", offset: int, now: datetime, tally: Tally) -> None:
        mask = 0
        if isinstance(event, Interaction | Evaluation):
            mask = interaction_mask(event) if isinstance(event, Interaction) else evaluation_mask(event)
            self._count(event, mask, tally)
        elif isinstance(event, Heartbeat):
            tally.heartbeats.append(event)
        table = TABLES[event.kind]
        row = f'{{"topic":"{self.topic.name}","partition":{self.number},"offset":{offset},'
        if table == "telemetry":
            row += f'"mask":{mask},'
        text = encode(event, self.topic.adapter)
        self.pending.lines.setdefault(table, []).append(row.encode() + text[1:])
        self.pending.bytes += len(row) + len(text)
        if self.topic.name == "ai.telemetry":
            self.watermark.advance(event.ts.timestamp(), now.timestamp())

    def _count(self, event: Interaction | Evaluation, mask: int, tally: Tally) -> None:
        start = window_start(event.ts.timestamp())
        cut, folded = self.cap(start, _slice(event))
        self.pending.cells.add((start, cut, mask), event.sample_weight)
        tally.masks[event.feature, mask] += 1
        tally.folded.update(folded)
        if start + WINDOW_SECONDS <= self.watermark.value:
            tally.late[event.feature] += 1


TABLES = {
    "interaction": "telemetry",
    "evaluation": "telemetry",
    "heartbeat": "heartbeats",
    "change": "changes",
    "review": "reviews",
}
"""Where an event of each kind is stored."""

Event = Interaction | Evaluation | Heartbeat | Change | Review


def _check_time(event: Event, now: datetime, limits: Limits) -> Event | Reject:
    if event.ts - now > limits.max_skew:
        return Reject("from_the_future", "ts")  # one bad clock must not close every window
    if now - event.ts > limits.max_age:
        return Reject("too_old", "ts")
    if isinstance(event, Heartbeat) and event.started_at > event.ts:
        return Reject("bad_value", "started_at")
    return event


def _slice(event: Interaction | Evaluation) -> Slice:
    return tuple(getattr(event, name) or "" for name in DIMENSIONS)


def _letter(batch: Batch, offset: int, value: bytes | None, reject: Reject, now: datetime) -> DeadLetter:
    payload = value or b""
    return DeadLetter(
        source_topic=batch.topic,
        source_partition=batch.partition,
        source_offset=offset,
        reason=reject.reason,
        field=reject.field,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        payload_bytes=len(payload),
        rejected_at=now,
    )


def _add(total: Tally, part: Tally) -> None:
    total.records += part.records
    total.skipped += part.skipped
    total.accepted += part.accepted
    total.duplicates += part.duplicates
    total.rejected.update(part.rejected)
    total.late.update(part.late)
