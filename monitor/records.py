"""The records of one batch, column by column, and what each of them may be. No I/O: the time is an argument."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

import numpy as np

from monitor.batch import Batch
from monitor.kinds import HEARTBEAT
from monitor.scan.plan import Ints
from schemas.codec import Reject
from schemas.dead_letter import DeadLetter
from schemas.moments import unix_microseconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What an event may be. Times are judged by the worker's clock, not by the producer's."""

    max_skew: timedelta
    max_age: timedelta


@dataclass(slots=True)
class Records:
    """The records of a batch, or some of them, column by column."""

    positions: list[int]
    """In the batch."""
    values: list[bytes | None]
    events: list[Any]
    moments: list[Any]
    """Unix microseconds; None where the fast way was in doubt."""

    def odd(self, oldest: int, newest: int) -> list[int]:
        """Places in these columns of what has to be looked at alone."""
        return [
            i
            for i, (event, at) in enumerate(zip(self.events, self.moments, strict=True))
            if at is None or not oldest <= at <= newest or type(event) is HEARTBEAT
        ]

    def only(self, keep: Sequence[bool]) -> "Records":
        """Those where `keep` is true."""
        columns = self.positions, self.values, self.events, self.moments
        return Records(*(list(compress(column, keep)) for column in columns))


def span(now: datetime, limits: Limits) -> tuple[int, int]:
    """The oldest and the newest time that an event may have, in Unix microseconds."""
    moment, step = unix_microseconds(now), timedelta(microseconds=1)
    return moment - limits.max_age // step, moment + limits.max_skew // step


def marks(batch: Batch, newest: int) -> tuple[Ints, Ints]:
    """Offset and Kafka's time, in Unix milliseconds, of each record."""
    offsets = np.arange(batch.first, batch.last + 1) if batch.offsets is None else np.asarray(batch.offsets)
    # A record's time may be the producer's; a wrong one must not stop the turning of the memory.
    return offsets, np.asarray(batch.timestamps, dtype=np.int64).clip(0, newest // 1000)


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
