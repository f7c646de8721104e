"""Compiled: whole records to their times, masks, slices and weights.

The walk is as in `tokens.py`: from one address to the next, below 0 for "not mine".
"""

from typing import NamedTuple

from detectors.compiled import compiled, inlined
from monitor.scan.plan import ABSENT, PART, PARTS, SLICE, At
from monitor.scan.raw import byte, put_word, word
from monitor.scan.slices import SPAN, Known, find
from monitor.scan.tokens import NOT_MINE, blanks, hash_of, is_entry, is_null, look_up, plain, scalar
from monitor.windows import DIMENSIONS
from schemas.outcomes import LET_THROUGH, WITHHELD, Bit

_QUOTE, _COLON, _COMMA = ord('"'), ord(":"), ord(",")
_OPEN, _CLOSE, _BEGIN, _END = ord("{"), ord("}"), ord("["), ord("]")
_INTERACTION, _HARM_DELIVERED = int(Bit.INTERACTION), int(Bit.HARM_DELIVERED)
_STORED = WITHHELD - 1
_DIMENSIONS = len(DIMENSIONS)
COLUMNS = 10
GOOD, TS, MASK, CUT, WEIGHT, ID_AT, ID_END, RECORD_AT, ELEMENTS, SAID = range(COLUMNS)
"""What is found of a record: whether the rest means something; Unix microseconds; mask; number of the slice; sample
weight; the addresses where its id begins and ends; its own address; how many elements its lists of parts have; a bit
for each of its fields that it names."""


class Places(NamedTuple):
    """Addresses of what is read and of what is written."""

    text: int
    """Where the records are, each with a zero byte behind it."""
    begins: int
    ends: int
    """By record: where it begins in the text, and where that byte stands."""
    found: int
    """Shape (records, COLUMNS)."""


class Scratch(NamedTuple):
    """Addresses of what is needed while records are read."""

    values: int
    """By field of the plan: its code or number; ABSENT."""
    spans: int
    """By dimension, as `slices.SPAN` says; behind them, of the event id, with the number of elements for its hash."""
    follows: int
    """The field that came last behind each field; behind all fields, the one that came first in each struct."""


@inlined
def name(p: At, struct: int, i: int, follows: int, last: int) -> tuple[int, int]:
    """A member's name and the colon behind it: at its value; and its field, or -1.

    Producers write their fields in one order, so the field that came behind the `last` one is tried first.
    """
    if byte(i) != _QUOTE:
        return NOT_MINE, ABSENT
    f = word(follows, last)
    length = word(p.entry_at, f + 1) - word(p.entry_at, f)
    end = i + 1 + length
    if byte(end) != _QUOTE or not is_entry(p, f, i + 1, length):
        end = plain(p, i + 1)
        f = look_up(p, struct, i + 1, end) if end > 0 else ABSENT
        if f < 0:
            return NOT_MINE, ABSENT
        put_word(follows, last, f)
    i = blanks(end + 1)
    return (blanks(i + 1) if byte(i) == _COLON else NOT_MINE), f


@inlined
def next_member(i: int) -> int:
    """Behind a member's value: at the next name, or at the brace that ends the object."""
    i = blanks(i)
    if byte(i) == _CLOSE:
        return i
    if byte(i) != _COMMA:
        return NOT_MINE
    i = blanks(i + 1)
    return i if byte(i) == _QUOTE else NOT_MINE


@compiled
def part(p: At, struct: int, i: int, s: Scratch) -> int:
    """An object inside the record; its values go into the scratch."""
    if byte(i) != _OPEN:
        return NOT_MINE
    first, last = word(p.first_field, struct), word(p.first_field, p.structs) + struct
    for f in range(first, word(p.first_field, struct + 1)):
        put_word(s.values, f, ABSENT)
    seen = 0
    i = blanks(i + 1)
    while byte(i) != _CLOSE:
        at, f = name(p, struct, i, s.follows, last)
        if at < 0 or seen & (1 << (f - first)):
            return NOT_MINE
        seen, last = seen | 1 << (f - first), f
        i = at + 4 if word(p.nullable, f) and is_null(at) else scalar(p, f, at, s.values)
        if i > 0:
            i = next_member(i)
        if i < 0:
            return NOT_MINE
    return i + 1 if seen & word(p.required, struct) == word(p.required, struct) else NOT_MINE


@inlined
def facts_inside(p: At, f: int, values: int) -> int:
    """What the part of this field that was just read adds to the mask."""
    at = word(p.inside, f)
    if at < 0:
        return 0
    struct = word(p.first, f)
    for inner in range(word(p.first_field, struct), word(p.first_field, struct + 1)):
        at += word(p.stride, inner) * (word(values, inner) + 1)
    return word(p.facts, at)


@compiled
def parts(p: At, f: int, i: int, s: Scratch) -> tuple[int, int]:
    """A list of objects, and what they add to the mask."""
    if byte(i) != _BEGIN:
        return NOT_MINE, 0
    i, many, bits = blanks(i + 1), 0, 0
    while byte(i) != _END:
        if many:
            if byte(i) != _COMMA:
                return NOT_MINE, 0
            i = blanks(i + 1)
        i = part(p, word(p.first, f), i, s)
        many += 1
        if i < 0 or many > word(p.high, f):
            return NOT_MINE, 0
        bits |= facts_inside(p, f, s.values)
        i = blanks(i)
    count = SPAN * _DIMENSIONS + 2
    put_word(s.spans, count, word(s.spans, count) + many)
    return i + 1, bits


@inlined
def span(p: At, place: int, i: int, spans: int) -> int:
    """A quoted word of the slice; where it stands goes into `spans`."""
    if byte(i) != _QUOTE:
        return NOT_MINE
    end = plain(p, i + 1)
    if end <= i + 1:
        return NOT_MINE
    put_word(spans, SPAN * place, i + 1)
    put_word(spans, SPAN * place + 1, end)
    put_word(spans, SPAN * place + 2, hash_of(i + 1, end))
    return end + 1


@compiled
def member(p: At, f: int, i: int, s: Scratch) -> tuple[int, int]:
    """The value of a field of the record, and what is inside it adds to the mask."""
    kind, begin = word(p.kind, f), i
    put_word(s.values, f, 0)
    if kind == PARTS:
        return parts(p, f, i, s)
    if kind == PART:
        i = part(p, word(p.first, f), i, s)
        return i, (facts_inside(p, f, s.values) if i > 0 else 0)
    i = span(p, word(p.first, f), i, s.spans) if kind == SLICE else scalar(p, f, i, s.values)
    if f == p.event_id:
        put_word(s.spans, SPAN * _DIMENSIONS, begin + 1)
        put_word(s.spans, SPAN * _DIMENSIONS + 1, i - 1)
    return i, 0


@compiled
def members(p: At, i: int, s: Scratch) -> tuple[int, int, int]:
    """All members of the record: at the brace behind them; what is inside them adds to the mask; a bit for each."""
    seen, bits, last = 0, 0, word(p.first_field, p.structs)
    while byte(i) != _CLOSE:
        at, f = name(p, 0, i, s.follows, last)
        if at < 0 or seen & (1 << f):
            return NOT_MINE, 0, 0
        seen, last = seen | 1 << f, f
        if word(p.nullable, f) and is_null(at):
            i = at + 4
        else:
            i, more = member(p, f, at, s)
            bits |= more
        if i > 0:
            i = next_member(i)
        if i < 0:
            return NOT_MINE, 0, 0
    return (i if seen & word(p.required, 0) == word(p.required, 0) else NOT_MINE), bits, seen


@compiled
def record(p: At, i: int, s: Scratch) -> tuple[int, int, int]:
    """A record, its mask, and a bit for each field that it names."""
    for f in range(word(p.first_field, 1)):
        put_word(s.values, f, ABSENT)
    for k in range(SPAN * (_DIMENSIONS + 1)):
        put_word(s.spans, k, 0)
    i = blanks(i)
    if byte(i) != _OPEN:
        return NOT_MINE, 0, 0
    i, bits, said = members(p, blanks(i + 1), s)
    if i < 0:
        return NOT_MINE, 0, 0
    for f in range(word(p.first_field, 1)):
        if word(p.fact, f) >= 0:
            bits |= word(p.facts, word(p.fact, f) + word(s.values, f) + 1)
    bits |= _INTERACTION
    if bits & LET_THROUGH and not bits & WITHHELD:
        bits |= _HARM_DELIVERED  # what one guardrail let through, another may have kept back
    return blanks(i + 1), bits & _STORED, said


@compiled
def walk(p: At, known: Known, s: Scratch, at: Places, many: int) -> None:
    """Read so many records."""
    event_id = SPAN * _DIMENSIONS
    for n in range(many):
        begin, end, row = at.text + word(at.begins, n), at.text + word(at.ends, n), at.found + 8 * COLUMNS * n
        after, mask, said = record(p, begin, s)
        cut = find(known, s.spans) if after == end else NOT_MINE
        put_word(row, GOOD, 1 if cut >= 0 else 0)
        if cut >= 0:
            weight = word(s.values, p.sample_weight)
            put_word(row, TS, word(s.values, p.ts))
            put_word(row, MASK, mask)
            put_word(row, CUT, cut)
            put_word(row, WEIGHT, 1 if weight == ABSENT else weight)
            put_word(row, ID_AT, word(s.spans, event_id))
            put_word(row, ID_END, word(s.spans, event_id + 1))
            put_word(row, RECORD_AT, begin)
            put_word(row, ELEMENTS, word(s.spans, event_id + 2))
            put_word(row, SAID, said)
