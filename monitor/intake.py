"""One fetched batch in; what to store, count and refuse out. No I/O: the time is an argument."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import compress
from operator import attrgetter
from typing import Any

from monitor.batch import Batch
from monitor.memory import IdMemory
from monitor.windows import DIMENSIONS, WINDOW_SECONDS, Cells, Said, SliceCap, Watermark
from schemas.codec import Reject, decode
from schemas.dead_letter import DeadLetter
from schemas.fast import FAST, Fast
from schemas.moments import unix_microseconds
from schemas.outcomes import evaluation_mask, interaction_mask
from schemas.telemetry import Heartbeat
from schemas.topics import OTLP_TOPIC, TELEMETRY_TOPIC, OtlpTopic, Topic

_Key = tuple[int, Said, int]
"""Number of the window, slice as the event has it, mask."""


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
    content: Counter[str] = field(default_factory=Counter)
    """OTLP attributes with content, dropped unread, by name."""
    not_counted: Counter[str] = field(default_factory=Counter)
    """OTLP items that are no interaction and no verdict, by kind."""
    unknown_reasons: int = 0
    """OTLP finish reasons that no table knows."""


@dataclass(slots=True)
class Pending:
    """What one partition adds to the store at the next flush."""

    offset_from: int
    offset_to: int
    cells: Cells = field(default_factory=dict)
    slots: dict[_Key, list[int]] = field(default_factory=dict)
    """The same cells by what events say, where nothing was folded: the way to a cell that was met before."""
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    """JSON rows by table: blocks of lines, one for each batch."""
    events: int = 0
    """Rows in them."""
    bytes: int = 0
    """Size of those blocks."""
    letters: list[DeadLetter] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def rows(self) -> int:
        """Rows it will write."""
        return len(self.cells) + self.events + len(self.letters)


@dataclass(slots=True)
class Partition:
    """What a worker knows of one partition it owns."""

    topic: Topic | OtlpTopic
    number: int
    next_offset: int
    memory: IdMemory
    watermark: Watermark
    cap: SliceCap
    pending: Pending = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def _fast(self) -> Fast:
        return FAST[CONTRACT.get(self.topic.name, self.topic.name)]

    def reset(self) -> None:
        """Begin a new flush after the last one."""
        self.pending = Pending(self.next_offset, self.next_offset - 1)

    def take(self, batch: Batch, now: datetime, limits: Limits) -> Tally:
        """Sort every record of a batch into events, repeats and dead letters. Returns this batch's tally."""
        tally = Tally(records=len(batch.values), skipped=batch.last + 1 - batch.fetched_from - len(batch.values))
        oldest, newest = span(now, limits)
        found = _Found(*self._fast().decode(batch.values), *marks(batch, newest))
        self._judge_odd(batch, found, now, (oldest, newest), tally)
        new = self.memory.are_new([event.event_id for event in found.events], found.offsets, found.logged)
        if not all(new):
            tally.duplicates = new.count(False)
            found = found.only(new)
        tally.accepted = len(found.events)
        for event, offset in zip(found.events, found.offsets, strict=True):
            event.offset = offset
        self._accept(found.events, found.moments, now.timestamp(), tally)
        self.next_offset = batch.last + 1
        self.pending.offset_to = batch.last
        add_tally(self.pending.tally, tally)
        return tally

    def _judge_odd(self, batch: Batch, found: "_Found", now: datetime, within: tuple[int, int], tally: Tally) -> None:
        """Decide on what the fast way left, and on events whose times are to be looked at; drop what is refused."""
        refused = []
        for at in found.odd(*within):
            verdict = self._judge(batch.values[at], found.events[at], found.moments[at], *within)
            if isinstance(verdict, Reject):
                refused.append(at)
                tally.rejected[verdict.reason] += 1
                self.pending.letters.append(letter(batch, found.offsets[at], batch.values[at], verdict, now))
            else:
                found.events[at], found.moments[at] = verdict
        if refused:
            found.drop(refused)

    def _judge(
        self, value: bytes | None, event: Any, at: int | None, oldest: int, newest: int
    ) -> tuple[Any, int] | Reject:
        if at is None:
            answer = decode(self.topic.adapter, value)  # type: ignore[union-attr]  # OTLP has a take of its own
            if isinstance(answer, Reject):
                return answer
            event, at = self._fast().from_model(answer), unix_microseconds(answer.ts)
        if at > newest:
            return Reject("from_the_future", "ts")  # one bad clock must not close every window
        if at < oldest:
            return Reject("too_old", "ts")
        if type(event) is HEARTBEAT and (beat := _heartbeat(event)).started_at > beat.ts:
            return Reject("bad_value", "started_at")
        return event, at

    def _accept(self, events: list[Any], times: list[int], now: float, tally: Tally) -> None:
        """Count new events, and keep their rows."""
        topic, number = self.topic.name, self.number
        for event in events:
            event.topic, event.partition = topic, number
        if topic in COUNTED and events:
            counted = [type(event) is not HEARTBEAT for event in events]
            tally.heartbeats += [_heartbeat(event) for event in events if type(event) is HEARTBEAT]
            self._count(list(compress(events, counted)), list(compress(times, counted)), tally)
            self._note_late(events, times, now, tally)
            self.watermark.advance(max(times) / _SECOND_US, now)
        self._keep_rows(events)

    def _keep_rows(self, events: list[Any]) -> None:
        kinds = set(map(type, events))
        for kind in sorted(kinds, key=TABLES.__getitem__):
            group = events if len(kinds) == 1 else [event for event in events if type(event) is kind]
            block = self._fast().rows(group)
            self.pending.lines.setdefault(TABLES[kind], []).append(block)
            self.pending.events += len(group)
            self.pending.bytes += len(block)

    def _count(self, events: list[Any], times: list[int], tally: Tally) -> None:
        """Set the masks, and add to the windows. Column by column: an event alone costs more than its share."""
        masks = [_MASKS[type(event)](event) for event in events]
        keys = list(zip([ts // _WINDOW_US for ts in times], map(_cut, events), masks, strict=True))
        cells = map(self.pending.slots.get, keys)
        for event, mask, key, known in zip(events, masks, keys, cells, strict=True):
            event.mask = mask
            cell = self._slot(key, tally) if known is None else known
            cell[0] += 1
            cell[1] += event.sample_weight
        tally.masks.update(zip(map(_feature, events), masks, strict=True))

    def _slot(self, key: _Key, tally: Tally) -> list[int]:
        """The cell of what this flush has not seen before, or had to fold."""
        window, said, mask = key
        start = window * WINDOW_SECONDS
        cut, folded = self.cap(start, said)
        cell = self.pending.cells.setdefault((start, cut, mask), [0, 0])
        if folded:  # not remembered: each such event is to be counted as folded
            tally.folded.update(folded)
        else:
            self.pending.slots[key] = cell
        return cell

    def _note_late(self, events: list[Any], times: list[int], now: float, tally: Tally) -> None:
        """Count by feature what came after its window had closed. Event by event, for late is what comes after."""
        reach, top, grace = self.watermark.value, 0, self.watermark.grace
        if _end(min(times)) > max(reach, min(max(times) / _SECOND_US, now) - grace):
            return  # even in the worst order nothing could be
        for event, ts in zip(events, times, strict=True):
            if _end(ts) <= reach and type(event) is not HEARTBEAT:
                tally.late[event.feature] += 1
            if ts > top:
                top, reach = ts, max(reach, min(ts / _SECOND_US, now) - grace)


@dataclass(slots=True)
class _Found:
    """The records of a batch, column by column."""

    events: list[Any]
    moments: list[Any]
    """Unix microseconds; None where the fast way was in doubt."""
    offsets: Sequence[int]
    logged: Sequence[int]
    """Kafka's time, in Unix milliseconds."""

    def odd(self, oldest: int, newest: int) -> list[int]:
        """Positions of what has to be looked at alone."""
        return [
            i
            for i, (event, at) in enumerate(zip(self.events, self.moments, strict=True))
            if at is None or not oldest <= at <= newest or type(event) is HEARTBEAT
        ]

    def only(self, keep: Sequence[bool]) -> "_Found":
        """Those where `keep` is true."""
        return _Found(*(list(compress(column, keep)) for column in self._columns()))

    def drop(self, positions: Iterable[int]) -> None:
        """Forget these."""
        gone = set(positions)
        keep = [i not in gone for i in range(len(self.events))]
        self.events, self.moments, self.offsets, self.logged = (list(compress(c, keep)) for c in self._columns())

    def _columns(self) -> tuple[Sequence[Any], ...]:
        return self.events, self.moments, self.offsets, self.logged


COUNTED = (TELEMETRY_TOPIC.name, OTLP_TOPIC.name)
"""Topics whose events are counted in windows, and whose watermarks close them."""
CONTRACT = {OTLP_TOPIC.name: TELEMETRY_TOPIC.name}
"""Whose contract the events of a topic follow, where it is not their own."""
_STRUCTS = {kind: struct for fast in FAST.values() for kind, struct in fast.structs.items()}
HEARTBEAT: Any = _STRUCTS["heartbeat"]
_MASKS: dict[type, Callable[[Any], int]] = {
    _STRUCTS["interaction"]: interaction_mask,
    _STRUCTS["evaluation"]: evaluation_mask,
}
TABLES = {
    _STRUCTS["interaction"]: "telemetry",
    _STRUCTS["evaluation"]: "telemetry",
    _STRUCTS["heartbeat"]: "heartbeats",
    _STRUCTS["change"]: "changes",
    _STRUCTS["review"]: "reviews",
}
"""Where an event of each kind is stored."""

_SECOND_US = 1_000_000
_WINDOW_US = WINDOW_SECONDS * _SECOND_US
_cut = attrgetter(*DIMENSIONS)
_feature = attrgetter(DIMENSIONS[0])


def _end(ts: int) -> int:
    """End of the window of a time in Unix microseconds, in Unix seconds."""
    return (ts // _WINDOW_US + 1) * WINDOW_SECONDS


def span(now: datetime, limits: Limits) -> tuple[int, int]:
    """The oldest and the newest time that an event may have, in Unix microseconds."""
    moment, step = unix_microseconds(now), timedelta(microseconds=1)
    return moment - limits.max_age // step, moment + limits.max_skew // step


def marks(batch: Batch, newest: int) -> tuple[Sequence[int], Sequence[int]]:
    """Offset and Kafka's time, in Unix milliseconds, of each record."""
    offsets = range(batch.first, batch.last + 1) if batch.offsets is None else batch.offsets
    # A record's time may be the producer's; a wrong one must not stop the turning of the memory.
    latest, times = newest // 1000, batch.timestamps
    if times and (min(times) < 0 or max(times) > latest):
        times = [min(max(time, 0), latest) for time in times]
    return offsets, times


def _heartbeat(row: Any) -> Heartbeat:
    """The model of a heartbeat's row; few come, and the counting wants its times as times."""
    said = {name: getattr(row, name) for name in Heartbeat.model_fields if name != "kind"}
    return Heartbeat(kind="heartbeat", **said)


def letter(batch: Batch, offset: int, value: bytes | None, reject: Reject, now: datetime) -> DeadLetter:
    """The pointer to a refused record."""
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


def add_tally(total: Tally, part: Tally) -> None:
    """Add what a range row tells of a batch to that of its flush."""
    total.records += part.records
    total.skipped += part.skipped
    total.accepted += part.accepted
    total.duplicates += part.duplicates
    total.rejected.update(part.rejected)
    total.late.update(part.late)
