"""One span or log record, whichever encoding it came in: known attributes, identity, times. Nothing else."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from schemas.aliases import PRIVATE, Aliases

Value = str | int | float | bool | tuple[str, ...]
Attributes = dict[str, Value]
"""Known attributes only, by their own names."""
Signal = Literal["traces", "logs"]

CONTENT_SEEN = "*content"
"""Key in Attributes, not a name any producer can send: content was dropped beside these."""

MAX_TEXT = 256
"""A longer string fits no identifier of ours and is not read."""

MAX_NANOS = 2**63
"""Times beyond are taken for absent; the contract's year 2199 comes earlier."""


@dataclass(slots=True)
class Mark:
    """A span's event: its name, time in Unix nanoseconds (0 when absent), known attributes."""

    name: str
    time: int
    attributes: Attributes


@dataclass(slots=True)
class Item:
    """A span, or a log record (then `end` is its time, `name` its event name, and it has no marks)."""

    resource: Attributes
    attributes: Attributes
    trace_id: str
    """Lower-case hexadecimal digits, as are the others; "" when absent or not of the right length."""
    span_id: str
    parent_id: str
    name: str
    start: int
    """Unix nanoseconds, 0 when absent."""
    end: int
    trace_state: str = ""
    failed: bool = False
    """The span's status is an error."""
    marks: list[Mark] = field(default_factory=list)
    role: str = ""
    """What the span is; set by `schemas.otlp_tree`."""


@dataclass(slots=True)
class Message:
    """One Kafka message, read: its spans or its log records, and what was dropped on the way in."""

    signal: Signal
    items: list[Item]
    dropped: Counter[str]


def drop(found: Attributes, name: str, kind: int | None, aliases: Aliases, dropped: Counter[str]) -> None:
    """Count an attribute that is not to be read: by its name, or without a `kind` by its family's."""
    dropped[name if kind is not None else aliases.family(name)] += 1
    if kind != PRIVATE:
        found[CONTENT_SEEN] = True
