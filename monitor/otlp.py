"""The intake of ai.telemetry.otlp: one record holds many spans or log records, hence many events or none. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.batch import Batch
from monitor.intake import NOTHING_SCANNED, Partition
from monitor.records import Limits, Records, letter, marks, span
from monitor.tally import Tally, add_tally
from schemas.codec import Reject, decode
from schemas.fast import FAST
from schemas.moments import unix_microseconds
from schemas.otlp import OtlpBatch, OtlpOptions, decode_otlp
from schemas.topics import TELEMETRY_TOPIC

_FAST = FAST[TELEMETRY_TOPIC.name]


@dataclass(slots=True)
class OtlpPartition(Partition):
    """A partition whose records are OTLP messages. Events keep their position in the message as `item`."""

    options: OtlpOptions = field(default_factory=OtlpOptions)

    def take(self, batch: Batch, now: datetime, limits: Limits) -> Tally:
        """Sort what every message says into events, repeats and refusals. Returns this batch's tally.

        A message becomes at most one dead letter, with the first reason; every refused item is counted.
        """
        tally = Tally(records=len(batch.values), skipped=batch.last + 1 - batch.fetched_from - len(batch.values))
        oldest, newest = span(now, limits)
        accepted: list[Any] = []
        times: list[int] = []
        messages = [decode_otlp(value, self.options) for value in batch.values]
        events = _events(messages)
        for said, value, offset, logged in zip(messages, batch.values, *marks(batch, newest), strict=True):
            rejected = said.rejected
            for item in range(len(said.records)):
                event, at = next(events)
                if isinstance(event, Reject):
                    rejected[event.reason] += 1
                elif not oldest <= at <= newest:
                    rejected["from_the_future" if at > newest else "too_old"] += 1
                elif self.memory.is_new(event.event_id, offset, logged):
                    event.offset, event.item = offset, item
                    accepted.append(event)
                    times.append(at)
                else:
                    tally.duplicates += 1
            if rejected:
                self.pending.letters.append(letter(batch, offset, value, _reason(said), now))
            _add_intake(tally, said)
        tally.accepted = len(accepted)
        found = Records(list(range(len(accepted))), accepted, times)
        self._accept(found, NOTHING_SCANNED, now.timestamp(), tally)
        self.next_offset = batch.last + 1
        self.pending.offset_to = batch.last
        add_tally(self.pending.tally, tally)
        return tally


def _events(messages: list[OtlpBatch]) -> Iterator[tuple[Any, int]]:
    """Every event of every message, with its time in Unix microseconds; a Reject and 0 for what breaks the contract."""
    records = [record for said in messages for record in said.records]
    for record, event, at in zip(records, *_FAST.decode(records), strict=True):
        yield (event, at) if at is not None else _judged(record)


def _judged(record: bytes) -> tuple[Any, int]:
    answer = decode(TELEMETRY_TOPIC.adapter, record)
    return (answer, 0) if isinstance(answer, Reject) else (_FAST.from_model(answer), unix_microseconds(answer.ts))


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
