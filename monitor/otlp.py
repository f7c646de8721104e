"""The intake of ai.telemetry.otlp: one record holds many spans or log records, hence many events or none. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from monitor.batch import Batch
from monitor.intake import Partition
from monitor.records import Limits, Records, letter, marks, span
from monitor.tally import Tally
from schemas.codec import Reject
from schemas.otlp import OtlpBatch, OtlpOptions, decode_otlp
from schemas.topics import TELEMETRY_TOPIC


@dataclass(slots=True)
class OtlpPartition(Partition):
    """A partition whose records are OTLP messages. Events keep their position in the message as `item`.

    Every event is a record of ai.telemetry, so all those of a batch are read as one batch of that topic.
    """

    options: OtlpOptions = field(default_factory=OtlpOptions)

    def _contract(self) -> TypeAdapter[Any]:
        return TELEMETRY_TOPIC.adapter

    def take(self, batch: Batch, now: datetime, limits: Limits) -> Tally:
        """Sort what every message says into events, repeats and refusals. Returns this batch's tally.

        A message becomes at most one dead letter, with the first reason; every refused item is counted.
        """
        tally = Tally(records=len(batch.values), skipped=batch.last + 1 - batch.fetched_from - len(batch.values))
        within = span(now, limits)
        messages = [decode_otlp(value, self.options) for value in batch.values]
        records = list(chain.from_iterable(said.records for said in messages))
        many = np.array([len(said.records) for said in messages], dtype=np.int64)
        of = np.repeat(np.arange(len(messages)), many)
        items = np.arange(len(records)) - np.repeat(many.cumsum() - many, many)
        scanned = self._scan(records, *within)
        left = scanned.left(len(records))
        found = self._found(left, [records[at] for at in left])
        found = self._held(found, within, [messages[number] for number in of.tolist()])
        of_offsets, of_logged = marks(batch, within[1])
        offsets, logged = of_offsets[of], of_logged[of]
        found, scanned = self._new(found, scanned, offsets, logged, tally)
        for event, at in zip(found.events, found.positions, strict=True):
            event.offset, event.item = int(offsets[at]), int(items[at])
        self._accept(found, scanned, now.timestamp(), tally)
        if len(scanned):
            self._keep_block(scanned, offsets, items)
        for said, value, offset in zip(messages, batch.values, of_offsets.tolist(), strict=True):
            if said.rejected:
                self.pending.letters.append(letter(batch, offset, value, _reason(said), now))
            _add_intake(tally, said)
        self._end(batch, tally)
        return tally

    def _held(self, found: Records, within: tuple[int, int], messages: Sequence[OtlpBatch]) -> Records:
        """Decide on what the fast way left, and on odd times. What was not refused; `messages` are the records'."""
        good = [True] * len(found.events)
        for i in found.odd(*within):
            at = found.positions[i]
            verdict = self._judge(found.values[i], found.events[i], found.moments[i], *within)
            if isinstance(verdict, Reject):
                good[i] = False
                messages[at].rejected[verdict.reason] += 1
            else:
                found.events[i], found.moments[i] = verdict
        return found if all(good) else found.only(good)


def _reason(said: OtlpBatch) -> Reject:
    return said.reject or Reject(next(iter(said.rejected)))


def _add_intake(tally: Tally, said: OtlpBatch) -> None:
    for total, part in (
        (tally.rejected, said.rejected),
        (tally.content, said.content_dropped),
        (tally.not_counted, said.skipped),
    ):
        if part:  # an update with nothing costs as much as a span
            total.update(part)
    tally.unknown_reasons += said.unknown_finish_reasons.total() if said.unknown_finish_reasons else 0
