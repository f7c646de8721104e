"""One span or log record, whichever encoding it came in: known attributes, identity, times. Nothing else."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

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


class Mark(msgspec.Struct, gc=False):
    """A span's event: its name, time in Unix nanoseconds (0 when absent), known attributes."""

    name: str
    time: int
    attributes: Attributes


class Item(msgspec.Struct, gc=False):  # a struct is made five times as fast as a dataclass
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
    marks: Sequence[Mark] = ()
    role: str = ""
    """What the span is; set by `schemas.otlp_tree`."""
    key: str = ""
    """Trace and span id together, as an index has it; set with the role, as is the next."""
    parent_key: str = ""
    """The parent's key; "" without a parent."""


class Message(msgspec.Struct):
    """One Kafka message, read: its spans or its log records, and what was dropped on the way in."""

    signal: Signal
    items: list[Item]
    dropped: Counter[str]


def first_of(attributes: Attributes, names: Iterable[str]) -> Value | None:
    """The value of the first of these attributes that is there; None when there is none."""
    for name in names:
        if name in attributes:
            return attributes[name]
    return None
