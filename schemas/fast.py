"""The hot path's decoder: whole batches of records to structs that are rows of the store.

One record, one verdict, and pydantic gives it: the fast way takes only what pydantic takes, with equal
values. Whatever it leaves, `schemas.codec.decode` decides, and names the reason.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Union, get_args

import msgspec
from pydantic import BaseModel

from schemas.change import Change
from schemas.codec import MAX_RECORD_BYTES
from schemas.derive import PLACE, Shape, derive
from schemas.moments import Moments
from schemas.proof import Proof, Words
from schemas.review import Review
from schemas.telemetry import Evaluation, Heartbeat, Interaction

_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Fast:
    """The structs of a topic's messages, and the way from bytes to them and from them to rows. For one thread."""

    def __init__(self, *models: type[BaseModel]) -> None:
        tags: list[str] = [get_args(model.model_fields["kind"].annotation)[0] for model in models]
        shapes = [derive(m, tag if len(models) > 1 else None) for m, tag in zip(models, tags, strict=True)]
        self._structs = {part.model: part.struct for shape in shapes for part in shape.all()}
        self._moments = Moments()
        words: dict[str, Words] = {}
        self._proofs: dict[type, Proof] = {shape.struct: Proof(shape, words, self._moments) for shape in shapes}
        self._parse = msgspec.json.Decoder(_union(shapes)).decode
        self._lines = msgspec.json.Encoder().encode_lines
        self.structs: dict[str, type] = dict(zip(tags, self._proofs, strict=True))
        """The struct of each kind."""

    def decode(self, values: Sequence[bytes | None]) -> tuple[list[Any], list[int | None]]:
        """A struct for each record, its place not yet set, and its `ts` in Unix microseconds.

        Where the time is None, the record is not good beyond doubt, and the struct means nothing.
        """
        parse = self._parse
        events: list[Any] = []
        for value in values:
            event = None
            if value and len(value) <= MAX_RECORD_BYTES:
                try:
                    event = parse(value)
                except _FAULTS:
                    event = None
            events.append(event)
        moments = self._moments.read(["" if event is None else event.ts for event in events])
        doubtful = self._doubtful(events)
        if doubtful:
            moments = [None if id(event) in doubtful else at for event, at in zip(events, moments, strict=True)]
        return events, moments

    def from_model(self, model: BaseModel) -> Any:
        """The struct of an event that pydantic took."""
        return self._plain(model)

    def rows(self, events: Sequence[Any]) -> bytes:
        """Each event as a line of JSON: its place, and what it says. What is absent or empty is left out."""
        return self._lines(events)

    def _doubtful(self, events: list[Any]) -> set[int]:
        """The `id()`s of those that do not fit."""
        found: set[int] = set()
        kinds = set(map(type, events))
        for kind in kinds & self._proofs.keys():
            group = events if len(kinds) == 1 else [event for event in events if type(event) is kind]
            if not self._proofs[kind].holds(group):
                found |= self._proofs[kind].faulty(group)
        return found

    def _plain(self, value: Any) -> Any:
        if isinstance(value, BaseModel):
            struct = self._structs[type(value)]
            return struct(**{n: self._plain(getattr(value, n)) for n in struct.__struct_fields__ if n not in PLACE})
        if isinstance(value, datetime):
            return value.isoformat()
        return tuple(map(self._plain, value)) if isinstance(value, tuple) else value


def _union(shapes: list[Shape]) -> Any:
    return Union[tuple(shape.struct for shape in shapes)]  # noqa: UP007  # a list only known here


FAST = {
    "ai.telemetry": Fast(Interaction, Evaluation, Heartbeat),
    "ai.changes": Fast(Change),
    "ai.reviews": Fast(Review),
}
"""By topic."""
