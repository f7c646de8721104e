"""Vigil's engine without its store: the batch transport in a small Faust app, msgspec, record by record."""

import logging
from collections.abc import Mapping
from typing import Any

import faust
import msgspec
from faust.types import TP

from benchmarks.peers.work import WINDOW_DIGITS, Meter, arguments
from monitor.batch import Batch
from monitor.faust_app import faust_app
from monitor.heap import look_for_cycles
from monitor.settings import Settings
from monitor.transport import BatchSchema, BatchTransport


class Event(msgspec.Struct, frozen=True, gc=False):
    """The required keys; others are skipped, as the peers skip them."""

    ts: str
    feature: str
    kind: str
    event_id: str
    emitter: str
    model: str
    trace_id: str
    finish_reason: str
    latency_ms: float


class _FromTheStart:
    """An OffsetOwner that remembers nothing."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def start_offsets(self, partitions: set[TP]) -> Mapping[TP, int]:
        return {}

    async def assigned(self, offsets: Mapping[TP, int]) -> None:
        if offsets and not self._meter.wall:
            self._meter.start()  # nothing is fetched before this returns

    async def revoked(self, partitions: set[TP]) -> None:
        pass


def count(meter: Meter, batch: Batch) -> None:
    """The work on one batch. Raises msgspec.ValidationError for a key that is missing."""
    decode, counts = _DECODE, meter.counts
    for value in batch.values:
        event = decode(value)  # type: ignore[arg-type]  # no tombstones here
        counts[event.feature, event.ts[:WINDOW_DIGITS]] += 1
    meter.seen += len(batch.values)
    if meter.seen >= meter.total:
        meter.finish()


_DECODE = msgspec.json.Decoder(Event).decode


def main() -> None:
    """Run the worker until the meter ends the process."""
    given = arguments()
    meter = Meter("vigil", given.total, ("vigil", "faust-streaming", "aiokafka", "msgspec"))
    app = faust_app(Settings(broker=given.broker, group=given.group, log_level="warning"))
    app.transport = BatchTransport(app, _FromTheStart(meter))

    @app.agent(app.topic(given.topic, schema=BatchSchema()))
    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            count(meter, event.value)
            event.ack()

    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    look_for_cycles()
    faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
