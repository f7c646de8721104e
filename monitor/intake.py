"""One fetched batch in; what to store, count and refuse out. No I/O: the time is an argument.

Most records are read by the compiled scanner, whole columns at a time (`Scanned`); what it leaves is read one by one
(`Records`). Both count the same and store the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from itertools import compress
from operator import attrgetter, or_
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from monitor.batch import Batch
from monitor.kinds import CONTRACT, COUNTED, HEARTBEAT, INTERACTION, MASKS, TABLES, heartbeat
from monitor.lateness import SECOND_US, late_bits, may_be_late
from monitor.memory import IdMemory
from monitor.records import Limits, Records, letter, marks, span
from monitor.scan.cells import ScannedCells
from monitor.scan.ids import ids_of
from monitor.scan.plan import Ints
from monitor.scan.record_batch import RecordBatch, unpacked
from monitor.scan.scanner import Scanned, Scanner
from monitor.scan.values import Values
from monitor.tally import Pending, SlotKey, Tally, add_tally
from monitor.windows import DIMENSIONS, WINDOW_SECONDS, Said, SliceCap, Watermark
from schemas.codec import Reject, decode
from schemas.fast import FAST, Fast
from schemas.moments import unix_microseconds
from schemas.outcomes import Bit
from schemas.probes import is_probe
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

    def _contract(self) -> TypeAdapter[Any]:
        return self.topic.adapter  # type: ignore[union-attr]  # OTLP has one of its own

    def reset(self) -> None:
        """Begin a new flush after the last one."""
        self.pending = Pending(self.next_offset, self.next_offset - 1)

    def take(self, batch: Batch, now: datetime, limits: Limits) -> Tally:
        """Sort every record of a batch into events, repeats and dead letters. Returns this batch's tally."""
        tally = Tally(records=len(batch.values), skipped=batch.last + 1 - batch.fetched_from - len(batch.values))
        within = span(now, limits)
        values = Values.of(batch.values)
        scanned = self._scan(values, *within)
        left = scanned.left(len(values))
        found = self._found(left, values.cut(left))
        found = self._judged(batch, found, now, within, tally)
        offsets, logged = marks(batch, within[1])
        found, scanned = self._new(found, scanned, offsets, logged, tally)
        for event, at in zip(found.events, found.positions, strict=True):
            event.offset = int(offsets[at])
        self._accept(found, scanned, now.timestamp(), tally)
        if len(scanned):
            self._keep_block(scanned, offsets, None)
        self._end(batch, tally)
        return tally

    def _end(self, batch: Batch, tally: Tally) -> None:
        """Everything in the batch is counted."""
        self.next_offset = batch.last + 1
        self.pending.offset_to = batch.last
        add_tally(self.pending.tally, tally)

    def _found(self, positions: list[int], values: list[bytes | None]) -> Records:
        """What the scanner left, read one by one."""
        return Records(positions, values, *self._fast().decode(values))

    def _scan(self, values: Sequence[bytes | None], oldest: int, newest: int) -> Scanned:
        """What the scanner takes; but probes, and what is not within these times, is looked at alone."""
        scanned = _SCANNER.scan(values if self.topic.name in COUNTED else ())
        usual = (scanned.ts >= oldest) & (scanned.ts <= newest) & (scanned.mask & Bit.SYNTHETIC == 0)
        return scanned if usual.all() else scanned.only(usual)

    def _judged(self, batch: Batch, found: Records, now: datetime, within: tuple[int, int], tally: Tally) -> Records:
        """Decide on what the fast way left, and on events whose times are to be looked at. What was not refused."""
        good = [True] * len(found.events)
        for i in found.odd(*within):
            at = found.positions[i]
            verdict = self._judge(found.values[i], found.events[i], found.moments[i], *within)
            if isinstance(verdict, Reject):
                good[i] = False
                tally.rejected[verdict.reason] += 1
                self.pending.letters.append(letter(batch, batch.offset_of(at), found.values[i], verdict, now))
            else:
                found.events[i], found.moments[i] = verdict
        return found if all(good) else found.only(good)

    def _judge(
        self, value: bytes | None, event: Any, at: int | None, oldest: int, newest: int
    ) -> tuple[Any, int] | Reject:
        if at is None:
            answer = decode(self._contract(), value)
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

    def _new(
        self, found: Records, scanned: Scanned, offsets: Ints, logged: Ints, tally: Tally
    ) -> tuple[Records, Scanned]:
        """Those whose ids were not seen before; the others are counted."""
        again = self._repeated(scanned, found, offsets, logged)
        if again:
            tally.duplicates = len(again)
            scanned = scanned.only(~np.isin(scanned.position, list(again)))
            found = found.only([at not in again for at in found.positions])
        tally.accepted = len(scanned) + len(found.events)
        return found, scanned

    def _repeated(self, scanned: Scanned, found: Records, offsets: Ints, logged: Ints) -> set[int]:
        """Positions of the events whose id was seen before."""
        positions, ids = scanned.position, scanned.ids
        if found.events:
            others = ids_of([event.event_id for event in found.events])
            together = np.concatenate([positions, found.positions])
            order = together.argsort()
            positions, ids = together[order], ids.then(others, order)
        new = self.memory.are_new(ids, offsets[positions], logged[positions])
        return set() if new.all() else set(positions[~new].tolist())

    def _accept(self, found: Records, scanned: Scanned, now: float, tally: Tally) -> None:
        """Count new events, and keep their rows but for the scanned ones'."""
        topic, number = self.topic.name, self.number
        for event in found.events:
            event.topic, event.partition = topic, number
        times = [*found.moments, *scanned.extremes()]
        if topic in COUNTED and times:
            late = self._late(found, scanned, (min(times), max(times)), now, tally)
            self._count_columns(scanned, now, tally)
            counted = [type(event) is not HEARTBEAT for event in found.events]
            events, moments, late = (list(compress(one, counted)) for one in (found.events, found.moments, late))
            self._count(events, moments, late, now, tally)
            since = (now - RECENT) * SECOND_US
            beats = zip(found.events, found.moments, strict=True)
            tally.heartbeats += [heartbeat(e) for e, ts in beats if type(e) is HEARTBEAT and ts >= since]
            self.watermark.advance(max(times) / SECOND_US, now)
        self._keep_rows(found.events)

    def _keep_rows(self, events: list[Any]) -> None:
        kinds = set(map(type, events))
        for kind in sorted(kinds, key=TABLES.__getitem__):
            group = events if len(kinds) == 1 else [event for event in events if type(event) is kind]
            self._keep(self.pending.lines, TABLES[kind], self._fast().rows(group), len(group))

    def _keep_block(self, scanned: Scanned, offsets: Ints, items: Ints | None) -> None:
        block = _SCANNER.block(scanned, self.topic.name, self.number, offsets, items)
        self._keep(self.pending.blocks, TABLES[INTERACTION], block, len(scanned))

    def _keep(self, into: dict[str, list[bytes]], table: str, block: bytes, events: int) -> None:
        into.setdefault(table, []).append(block)
        self.pending.bytes += len(block)
        self.pending.events += events

    def _count(self, events: list[Any], times: list[int], late: list[int], now: float, tally: Tally) -> None:
        """Set the masks, and add to the windows. Column by column: an event alone costs more than its share."""
        masks = [MASKS[type(event)](event) | bits for event, bits in zip(events, late, strict=True)]
        keys = list(zip([ts // _WINDOW_US for ts in times], map(_cut, events), masks, strict=True))
        cells = map(self.pending.slots.get, keys)
        for event, mask, key, known in zip(events, masks, keys, cells, strict=True):
            event.mask = mask
            cell = self._slot(key, tally) if known is None else known
            cell[0] += 1
            cell[1] += event.sample_weight
        pairs = zip(map(_feature, events), masks, strict=True)
        since = (now - RECENT) * SECOND_US
        tally.masks.update(pairs if min(times, default=0) >= since else compress(pairs, [ts >= since for ts in times]))
        if reduce(or_, masks, 0) & Bit.SYNTHETIC:
            _note_probes(events, masks, times, since, tally)
        _SCANNER.learn(said for _, said, _ in keys)

    def _count_columns(self, scanned: Scanned, now: float, tally: Tally) -> None:
        """The same for what was scanned, compiled; a new cell at a time."""
        pending = self.pending
        if pending.scanned.slices is not scanned.slices:
            pending.scanned.settle()
            pending.scanned = ScannedCells(scanned.slices)
        of, new = pending.scanned.add(scanned.ts // _WINDOW_US, *scanned.cuts_masks_weights())
        for window, cut, mask in new:
            pending.scanned.lead(*self._cell(window, scanned.slices.said[cut], mask))
        tally.folded.update(pending.scanned.folded(of))
        for feature, mask, n in scanned.masks(int((now - RECENT) * SECOND_US)):
            tally.masks[feature, mask] += n

    def _slot(self, key: SlotKey, tally: Tally) -> list[int]:
        """The cell of what this flush has not seen before, or had to fold."""
        cell, folded = self._cell(*key)
        if folded:  # not remembered: each such event is to be counted as folded
            tally.folded.update(folded)
        else:
            self.pending.slots[key] = cell
        return cell

    def _cell(self, window: int, said: Said, mask: int) -> tuple[list[int], tuple[str, ...]]:
        """The cell to count such events in, and the dimensions that were folded."""
        start = window * WINDOW_SECONDS
        cut, folded = self.cap(start, said)
        return self.pending.open_cells.setdefault((start, cut, mask), [0, 0]), folded

    def _late(self, found: Records, scanned: Scanned, times: tuple[int, int], now: float, tally: Tally) -> list[int]:
        """The bits of what was found and came after its window had closed; what was scanned gets its own.

        Counts them by feature. `times` are the earliest and the latest.
        """
        bits = [0] * len(found.events)
        if not may_be_late(*times, self.watermark, now):
            return bits
        read = zip(found.positions, found.moments, range(len(bits)), strict=True)
        ours = zip(scanned.position.tolist(), scanned.ts.tolist(), range(-len(scanned), 0), strict=True)
        order = sorted([*read, *ours])
        for (_, _, i), late in zip(order, late_bits([ts for _, ts, _ in order], self.watermark, now), strict=True):
            if not late or (i >= 0 and type(found.events[i]) is HEARTBEAT):
                continue
            if i >= 0:
                bits[i] = late
            else:
                scanned.mask[i] |= late
            tally.late[found.events[i].feature if i >= 0 else scanned.feature(i)] += 1
        return bits


def warm_up() -> None:
    """Compile the scanner now, for the start of a worker: seconds where nothing was compiled before."""
    _SCANNER.warm_up()
    unpacked([RecordBatch(b"", 0, 0, 0, 0, 0)])
    IdMemory(1, 1).is_new("warm-up-", 0, 0)


RECENT = 86_400
"""Seconds. What is older counts in its own windows only: a rise in Prometheus' counters means that it is now."""
_WINDOW_US = WINDOW_SECONDS * SECOND_US
_SCANNER = Scanner()
NOTHING_SCANNED = _SCANNER.scan(())
_cut = attrgetter(*DIMENSIONS)
_feature = attrgetter(DIMENSIONS[0])


def _note_probes(events: list[Any], masks: list[int], times: list[int], since: float, tally: Tally) -> None:
    for event, mask, ts in zip(events, masks, times, strict=True):
        if is_probe(mask) and ts >= since:
            tally.probes[event.feature] = max(tally.probes.get(event.feature, 0.0), ts / SECOND_US)
