"""Rows to validated events, in time order. Every row that is none is counted by its reason."""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from monitor.errors import UserError
from monitor.replay.reading import Source
from monitor.replay.rows import Refused, Row
from monitor.replay.timing import NONE, Moments, Pace
from monitor.replay.values import BadCellError, digest, micros, rfc3339
from schemas.codec import Reject, decode
from schemas.telemetry import TELEMETRY, Telemetry

_SECOND = timedelta(seconds=1)


class Mapper(Protocol):
    """What turns a row into an event; Mapping and OwnEvents are."""

    delimiter: str | None
    unlisted: dict[str, Counter[str]]

    def time(self, row: dict[str, object]) -> int:
        """The row's time in microseconds since 1970. Raises BadCellError."""
        ...

    def event(self, row: dict[str, object], default_id: str) -> dict[str, Any]:
        """The event, its time aside. Raises BadCellError."""
        ...

    def time_columns(self) -> list[str]:
        """The columns that `time` reads."""
        ...

    def bind(self, columns: Sequence[str], retimed: bool) -> list[str]:
        """The columns it needs of these. Raises UserError for one that is not there."""
        ...


class Event(NamedTuple):
    """One event that the contract accepts: its recorded moment in microseconds, its bytes, its model."""

    moment: int
    body: bytes
    model: Telemetry


@dataclass(slots=True)
class Maker:
    """Makes events of rows, and keeps the books. `now` is the start of the replay in microseconds."""

    mapper: Mapper
    file: str
    run: str
    pace: Pace
    now: int
    max_skew: timedelta
    max_age: timedelta
    refused: Counter[str] = field(default_factory=Counter)
    first_refused: dict[str, int] = field(default_factory=dict)
    """The first row of each reason."""
    repeated_ids: int = 0
    _ids: set[int] = field(default_factory=set)

    def make(self, number: int, row: Row, moment: int) -> Event | Refused:
        """The event of one row, numbered from 1. Does not count."""
        if isinstance(row, Refused):
            return row
        try:
            if moment == NONE:
                self.mapper.time(row)  # raises its reason
            values = self.mapper.event(row, digest([self.file, number]))
            self._set_times(values, moment)
        except BadCellError as bad:
            return Refused(bad.reason, bad.field)
        if self.run and "event_id" in values:
            values["event_id"] = digest([self.run, str(values["event_id"])])
        return self._checked(values, moment)

    def note(self, number: int, result: Event | Refused) -> None:
        """Count a refusal, or an id that was there before."""
        if isinstance(result, Refused):
            self.first_refused.setdefault(str(result), number)
            self.refused[str(result)] += 1
            return
        known = len(self._ids)
        self._ids.add(hash(result.model.event_id))
        self.repeated_ids += len(self._ids) == known

    def _set_times(self, values: dict[str, Any], moment: int) -> None:
        values["ts"] = rfc3339(moment + self.pace.shift)
        if values.get("kind") == "heartbeat" and isinstance(values.get("started_at"), str):
            values["started_at"] = rfc3339(micros(values["started_at"]) + self.pace.shift)

    def _checked(self, values: dict[str, Any], moment: int) -> Event | Refused:
        try:
            body = json.dumps(values, allow_nan=False).encode()
        except ValueError:
            return Refused("out_of_range")  # an infinity of our own recording
        model = decode(TELEMETRY, body)
        if isinstance(model, Reject):
            # The union's tag leads the path; the field alone is what a mapping's author looks for.
            return Refused(model.reason, ".".join(model.field.split(".")[1:]))
        age = self.now / 1e6 + self.pace.due(moment) - (moment + self.pace.shift) / 1e6
        if age > self.max_age / _SECOND:
            return Refused("too_old", "ts")
        if -age > self.max_skew / _SECOND:
            return Refused("from_the_future", "ts")
        return Event(moment, body, model)


def events(
    source: Source, columns: list[str], moments: Moments, maker: Maker, strict: bool, done: Callable[[int], None]
) -> Iterator[Event]:
    """The events of a file's first rows, in file order; as many rows as there are moments.

    `done` is told of every row. Raises UserError at the first refused row when `strict`.
    """
    number = 0
    for block in source.blocks(columns):
        for row in block[: len(moments) - number]:
            number += 1
            result = maker.make(number, row, int(moments[number - 1]))
            maker.note(number, result)
            if isinstance(result, Event):
                yield result
            elif strict:
                raise UserError(f"row {number} is refused, {result}; correct the mapping, or leave out --strict")
            done(1)
        if number >= len(moments):
            return


@dataclass(slots=True)
class Spill:
    """Events in a temporary file instead of memory, to be read back by time."""

    out: IO[bytes]
    moments: "array[int]" = field(default_factory=lambda: array("q"))
    ends: "array[int]" = field(default_factory=lambda: array("q", [0]))

    def write(self, found: Iterator[Event]) -> None:
        """Put all of them aside."""
        for event in found:
            self.out.write(event.body)
            self.moments.append(event.moment)
            self.ends.append(self.ends[-1] + len(event.body))

    def read(self) -> Iterator[Event]:
        """The same events by moment; those of one moment keep their order."""
        for index in np.argsort(np.array(self.moments, np.int64), kind="stable").tolist():
            self.out.seek(self.ends[index])
            body = self.out.read(self.ends[index + 1] - self.ends[index])
            model = decode(TELEMETRY, body)
            if isinstance(model, Reject):
                raise AssertionError(f"an event that was valid is not any more: {model.reason}")
            yield Event(self.moments[index], body, model)
