"""The intake of ai.telemetry.otlp: one record holds many spans or log records, hence many events or none. No I/O."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.batch import Batch
from monitor.intake import Partition
from monitor.records import Limits, letter, marks, span
from monitor.tally import Tally, add_tally
from schemas.codec import Reject
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
        for value, offset, logged in zip(batch.values, *marks(batch, newest), strict=True):
            said = decode_otlp(value, self.options)
            rejected = Counter[str](said.rejected)
            for item, model in enumerate(said.events):
                at = unix_microseconds(model.ts)
                if not oldest <= at <= newest:
                    rejected["from_the_future" if at > newest else "too_old"] += 1
                elif self.memory.is_new(model.event_id, offset, logged):
                    event = _FAST.from_model(model)
                    event.offset, event.item = offset, item
                    accepted.append(event)
                    times.append(at)
                else:
                    tally.duplicates += 1
            if rejected:
                self.pending.letters.append(letter(batch, offset, value, _reason(said, rejected), now))
            tally.rejected.update(rejected)
            _add_intake(tally, said)
        tally.accepted = len(accepted)
        self._accept(accepted, times, now.timestamp(), tally)
        self.next_offset = batch.last + 1
        self.pending.offset_to = batch.last
        add_tally(self.pending.tally, tally)
        return tally


def _reason(said: OtlpBatch, rejected: Counter[str]) -> Reject:
    return said.reject or Reject(next(iter(rejected)))  # type: ignore[arg-type]  # keys are reason codes


def _add_intake(tally: Tally, said: OtlpBatch) -> None:
    tally.content.update(said.content_dropped)
    tally.not_counted.update(said.skipped)
    tally.unknown_reasons += said.unknown_finish_reasons.total()
