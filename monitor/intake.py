"""One fetched batch in; what to store, count and refuse out. No I/O: the time is an argument."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from operator import attrgetter, or_
from typing import Any

from monitor.batch import Batch
from monitor.kinds import CONTRACT, COUNTED, HEARTBEAT, MASKS, TABLES, heartbeat
from monitor.memory import IdMemory
from monitor.records import Limits, Records, letter, marks, span
from monitor.tally import Pending, SlotKey, Tally, add_tally
from monitor.windows import COMPLETENESS_SECONDS, DIMENSIONS, WINDOW_SECONDS, SliceCap, Watermark
from schemas.codec import Reject, decode
from schemas.fast import FAST, Fast
from schemas.moments import unix_microseconds
from schemas.outcomes import Bit
from schemas.topics import OtlpTopic, Topic


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
        found = Records(*self._fast().decode(batch.values), *marks(batch, newest))
        found = self._judged(batch, found, now, (oldest, newest), tally)
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

    def _judged(self, batch: Batch, found: Records, now: datetime, within: tuple[int, int], tally: Tally) -> Records:
        """Decide on what the fast way left, and on events whose times are to be looked at. What was not refused."""
        good = [True] * len(found.events)
        for at in found.odd(*within):
            verdict = self._judge(batch.values[at], found.events[at], found.moments[at], *within)
            if isinstance(verdict, Reject):
                good[at] = False
                tally.rejected[verdict.reason] += 1
                self.pending.letters.append(letter(batch, found.offsets[at], batch.values[at], verdict, now))
            else:
                found.events[at], found.moments[at] = verdict
        return found if all(good) else found.only(good)

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
        if type(event) is HEARTBEAT and (beat := heartbeat(event)).started_at > beat.ts:
            return Reject("bad_value", "started_at")
        return event, at

    def _accept(self, events: list[Any], times: list[int], now: float, tally: Tally) -> None:
        """Count new events, and keep their rows."""
        topic, number = self.topic.name, self.number
        for event in events:
            event.topic, event.partition = topic, number
        if topic in COUNTED and events:
            late = self._late(events, times, now, tally)
            counted = [type(event) is not HEARTBEAT for event in events]
            marks = None if late is None else list(compress(late, counted))
            self._count(list(compress(events, counted)), list(compress(times, counted)), now, marks, tally)
            since = (now - RECENT) * _SECOND_US
            beats = zip(events, times, strict=True)
            tally.heartbeats += [heartbeat(e) for e, ts in beats if type(e) is HEARTBEAT and ts >= since]
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

    def _count(self, events: list[Any], times: list[int], now: float, late: list[int] | None, tally: Tally) -> None:
        """Set the masks, and add to the windows. Column by column: an event alone costs more than its share."""
        masks = [MASKS[type(event)](event) for event in events]
        if late is not None:
            masks = list(map(or_, masks, late))
        keys = list(zip([ts // _WINDOW_US for ts in times], map(_cut, events), masks, strict=True))
        cells = map(self.pending.slots.get, keys)
        for event, mask, key, known in zip(events, masks, keys, cells, strict=True):
            event.mask = mask
            cell = self._slot(key, tally) if known is None else known
            cell[0] += 1
            cell[1] += event.sample_weight
        pairs = zip(map(_feature, events), masks, strict=True)
        since = (now - RECENT) * _SECOND_US
        tally.masks.update(pairs if min(times, default=0) >= since else compress(pairs, [ts >= since for ts in times]))

    def _slot(self, key: SlotKey, tally: Tally) -> list[int]:
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

    def _late(self, events: list[Any], times: list[int], now: float, tally: Tally) -> list[int] | None:
        """The bits of what came after its window had closed; None if nothing did. Counts them by feature.

        Event by event, for late is what comes after. A window is closed once such a watermark is stored, so the
        events without these bits are those that the scorer of that window saw, or would have seen.
        """
        reach, top, grace = self.watermark.value, 0, self.watermark.grace
        if _end(min(times)) > max(reach, min(max(times) / _SECOND_US, now) - grace):
            return None  # even in the worst order nothing could be
        bits = []
        for event, ts in zip(events, times, strict=True):
            late = _end(ts) <= reach and type(event) is not HEARTBEAT
            if late:
                tally.late[event.feature] += 1
            very = late and _end(ts) + COMPLETENESS_SECONDS <= reach
            bits.append((Bit.LATE if late else 0) | (Bit.VERY_LATE if very else 0))
            if ts > top:
                top, reach = ts, max(reach, min(ts / _SECOND_US, now) - grace)
        return bits


RECENT = 86_400
"""Seconds. What is older counts in its own windows only: a rise in Prometheus' counters means that it is now."""
_SECOND_US = 1_000_000
_WINDOW_US = WINDOW_SECONDS * _SECOND_US
_cut = attrgetter(*DIMENSIONS)
_feature = attrgetter(DIMENSIONS[0])


def _end(ts: int) -> int:
    """End of the window of a time in Unix microseconds, in Unix seconds."""
    return (ts // _WINDOW_US + 1) * WINDOW_SECONDS
