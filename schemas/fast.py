"""The hot path's decoder: whole batches of records to structs that are rows of the store.

One record, one verdict, and pydantic gives it: the fast way takes only what pydantic takes, with equal
values. Whatever it leaves, `schemas.codec.decode` decides, and names the reason.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, Union, get_args

import msgspec
from pydantic import BaseModel

from schemas.change import Change
from schemas.codec import MAX_RECORD_BYTES
from schemas.derive import PLACE, Shape, derive
from schemas.moments import Moments
from schemas.review import Review
from schemas.telemetry import Evaluation, Heartbeat, Interaction

Column = tuple[Any, ...]
_KNOWN_WORDS = 50_000
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Words:
    """The words of one pattern that were already found to fit it; most repeat. Bounded."""

    def __init__(self, pattern: str) -> None:
        self._fits = re.compile(pattern.removeprefix("^").removesuffix("$"), re.ASCII).fullmatch
        self._known: set[str | None] = {None}

    def hold(self, columns: Iterable[Column]) -> bool:
        """Whether every word of these columns fits."""
        known = self._known
        return all(map(known.issuperset, columns)) or self._learn(set(chain.from_iterable(columns)) - known)

    def _learn(self, new: set[str | None]) -> bool:
        if len(self._known) + len(new) > _KNOWN_WORDS:
            self._known = {None}
        fitting = {word for word in new if word is not None and self._fits(word)}
        self._known |= fitting
        return len(fitting) == len(new)


class Fast:
    """The structs of a topic's messages, and the way from bytes to them and from them to rows. For one thread."""

    def __init__(self, *models: type[BaseModel]) -> None:
        tags: list[str] = [get_args(model.model_fields["kind"].annotation)[0] for model in models]
        shapes = [derive(m, tag if len(models) > 1 else None) for m, tag in zip(models, tags, strict=True)]
        self._shapes: dict[type, Shape] = {shape.struct: shape for shape in shapes}
        self._structs = {part.model: part.struct for shape in shapes for part in shape.all()}
        self._words = {pattern: Words(pattern) for shape in shapes for part in shape.all() for pattern in part.words}
        self._moments = Moments()
        self._parse = msgspec.json.Decoder(_union(shapes)).decode
        self._lines = msgspec.json.Encoder().encode_lines
        self.structs: dict[str, type] = dict(zip(tags, self._shapes, strict=True))
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
        for struct in kinds & self._shapes.keys():
            shape = self._shapes[struct]
            group = events if len(kinds) == 1 else [event for event in events if type(event) is struct]
            if not self._fit(shape, group):
                found |= self._unfit(shape, group)
        return found

    def _fit(self, shape: Shape, objects: Sequence[Any]) -> bool:
        """Whether everything that a struct cannot check is right in all of them."""
        if not objects:
            return True
        columns = _columns(objects)
        return (
            all(_spelt(alphabet, [columns[at] for at in places]) for alphabet, places in shape.letters.items())
            and all(self._words[key].hold([columns[at] for at in places]) for key, places in shape.words.items())
            and self._are_times([columns[at] for at in shape.times])
            and all(self._fit(part, _inside(many, columns[at])) for at, many, part in shape.parts if part.rules)
        )

    def _unfit(self, shape: Shape, events: Sequence[Any]) -> set[int]:
        """The `id()`s of those in which something is wrong. One rule at a time, so that few are looked at alone."""
        columns = _columns(events)
        rules: list[tuple[tuple[int, ...], Callable[[Sequence[Column]], bool]]] = [
            *((places, partial(_spelt, alphabet)) for alphabet, places in shape.letters.items()),
            *((places, self._words[pattern].hold) for pattern, places in shape.words.items()),
            *(((at,), self._are_times) for at in shape.times),
            *(((at,), partial(self._part_fits, part, many)) for at, many, part in shape.parts if part.rules),
        ]
        found: set[int] = set()
        for places, holds in rules:
            mine = [columns[at] for at in places]
            if not holds(mine):
                single = zip(events, zip(*mine, strict=True), strict=True)
                found.update(id(event) for event, values in single if not holds([(value,) for value in values]))
        return found

    def _part_fits(self, part: Shape, many: bool, columns: Sequence[Column]) -> bool:
        return self._fit(part, _inside(many, columns[0]))

    def _are_times(self, columns: Iterable[Column]) -> bool:
        return all(None not in self._moments.read(column) for column in columns)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, BaseModel):
            struct = self._structs[type(value)]
            return struct(**{n: self._plain(getattr(value, n)) for n in struct.__struct_fields__ if n not in PLACE})
        if isinstance(value, datetime):
            return value.isoformat()
        return tuple(map(self._plain, value)) if isinstance(value, tuple) else value


def _columns(objects: Sequence[Any]) -> list[Column]:
    """The values of each field, absent ones as None: column by column is four times as fast as one by one."""
    return list(zip(*map(msgspec.structs.astuple, objects), strict=True))


def _spelt(alphabet: bytes, columns: Iterable[Column]) -> bool:
    text = "".join(filter(None, chain.from_iterable(columns)))
    return not text.encode(errors="surrogatepass").translate(None, alphabet)


def _inside(many: bool, column: Column) -> list[Any]:
    return list(chain.from_iterable(column) if many else filter(None, column))


def _union(shapes: list[Shape]) -> Any:
    return Union[tuple(shape.struct for shape in shapes)]  # noqa: UP007  # a list only known here


FAST = {
    "ai.telemetry": Fast(Interaction, Evaluation, Heartbeat),
    "ai.changes": Fast(Change),
    "ai.reviews": Fast(Review),
}
"""By topic."""
