"""Compiled: records that were read, to the columns of Native blocks.

A record is gone through a second time, now known to be good, and only if it is to be stored: what is repeated, late or
otherwise dropped is known only after the first time.
"""

from typing import NamedTuple

from detectors.compiled import compiled, inlined
from monitor.scan.leaves import LIST, TEXT
from monitor.scan.plan import PART, PARTS, At
from monitor.scan.raw import byte, copy, put_byte, put_word, quote_in, word
from monitor.scan.tokens import blanks, is_null
from monitor.scan.walk import COLUMNS, RECORD_AT, name, next_member

_QUOTE, _COMMA, _CLOSE, _BEGIN, _END, _BLANK = ord('"'), ord(","), ord("}"), ord("["), ord("]"), ord(" ")
_TRUE, _FALSE, _ZERO = ord("t"), ord("f"), ord("0")


class Into(NamedTuple):
    """Addresses. The first of each leaf, as `Leaves` has them; then where the next value of each leaf goes."""

    field: int
    form: int
    nullable: int
    width: int
    many: int
    default_at: int
    defaults: int
    to: int
    """By leaf: the address of its next value."""
    nulls: int
    """By leaf: the address of its next mark of a null."""
    ends: int
    """By leaf, of a list; behind them by field of the record, of a list of parts: the address of its next end."""
    counts: int
    """The same: how many elements there were so far."""
    spans: int
    """By field of the plan: where its value begins and ends; zeros where it is not said."""
    leaves: int
    """How many there are."""


@inlined
def put_text(begin: int, end: int, o: int) -> int:
    """Append a text behind its length."""
    length = end - begin
    while length > 127:
        put_byte(o, length | 128)
        o, length = o + 1, length >> 7
    put_byte(o, length)
    return copy(begin, end, o + 1)


@inlined
def closing_quote(i: int) -> int:
    """Where the text that stands here ends. There is a quotation mark; eight bytes behind it may be read."""
    at = quote_in(word(i, 0))
    while at == 8:
        i += 8
        at = quote_in(word(i, 0))
    return i + at


@compiled
def put_list(begin: int, end: int, o: int) -> tuple[int, int]:
    """Append the quoted texts between these addresses; and how many they are."""
    many, i = 0, begin
    while i < end:
        if byte(i) == _QUOTE:
            start = i + 1
            i = closing_quote(start)
            o = put_text(start, i, o)
            many += 1
        i += 1
    return o, many


@inlined
def number(begin: int, end: int) -> int:
    """A whole number, or a truth value, as it stands in a record."""
    if byte(begin) == _TRUE or byte(begin) == _FALSE:
        return 1 if byte(begin) == _TRUE else 0
    value = 0
    for i in range(begin, end):
        value = 10 * value + byte(i) - _ZERO
    return value


@compiled
def put(e: Into, leaf: int) -> None:
    """Append the value of a leaf, from its span."""
    f = word(e.field, leaf)
    begin, end = word(e.spans, 2 * f), word(e.spans, 2 * f + 1)
    said = begin != 0
    if word(e.nullable, leaf):
        put_byte(word(e.nulls, leaf), 0 if said else 1)
        put_word(e.nulls, leaf, word(e.nulls, leaf) + 1)
    if not said:
        begin, end = e.defaults + word(e.default_at, 2 * leaf), e.defaults + word(e.default_at, 2 * leaf + 1)
    o, form = word(e.to, leaf), word(e.form, leaf)
    if form == TEXT:
        o = put_text(begin, end, o)
    elif form == LIST:
        o, many = put_list(begin, end, o)
        put_end(e, leaf, many)
    else:
        put_word(o, 0, number(begin, end))
        o += word(e.width, leaf)
    put_word(e.to, leaf, o)


@inlined
def put_end(e: Into, of: int, many: int) -> None:
    """Say where a list of so many elements ends."""
    put_word(e.counts, of, word(e.counts, of) + many)
    put_word(word(e.ends, of), 0, word(e.counts, of))
    put_word(e.ends, of, word(e.ends, of) + 8)


@inlined
def clear(p: At, e: Into, struct: int) -> None:
    """Forget what a struct said."""
    for f in range(word(p.first_field, struct), word(p.first_field, struct + 1)):
        put_word(e.spans, 2 * f, 0)


@inlined
def value(e: Into, f: int, i: int) -> int:
    """Note where the value of a field stands; behind it."""
    c, begin = byte(i), i
    if c == _QUOTE:
        begin = i + 1
        i = closing_quote(begin)
    elif c == _BEGIN:
        while byte(i) != _END:
            i += 1
    else:
        while byte(i) > _BLANK and byte(i) != _COMMA and byte(i) != _CLOSE:
            i += 1
    put_word(e.spans, 2 * f, begin)
    put_word(e.spans, 2 * f + 1, i)
    return i + 1 if c in (_QUOTE, _BEGIN) else i


@compiled
def part(p: At, e: Into, follows: int, struct: int, i: int) -> int:
    """Note what an object inside the record says; behind it."""
    clear(p, e, struct)
    last = word(p.first_field, p.structs) + struct
    i = blanks(i + 1)
    while byte(i) != _CLOSE:
        at, f = name(p, struct, i, follows, last)
        last = f
        i = next_member(at + 4 if word(p.nullable, f) and is_null(at) else value(e, f, at))
    return i + 1


@compiled
def parts(p: At, e: Into, follows: int, f: int, i: int) -> int:
    """Append the elements of a list of objects; behind it."""
    many, i = 0, blanks(i + 1)
    while byte(i) != _END:
        if byte(i) == _COMMA:
            i = blanks(i + 1)
        i = blanks(part(p, e, follows, word(p.first, f), i))
        many += 1
        for leaf in range(e.leaves):
            if word(e.many, leaf) == f:
                put(e, leaf)
    put_end(e, e.leaves + f, many)
    return i + 1


@compiled
def row(p: At, e: Into, follows: int, i: int) -> None:
    """Append a record."""
    for struct in range(p.structs):
        clear(p, e, struct)
    last, listed = word(p.first_field, p.structs), 0
    i = blanks(blanks(i) + 1)
    while byte(i) != _CLOSE:
        at, f = name(p, 0, i, follows, last)
        last, kind = f, word(p.kind, f)
        if word(p.nullable, f) and is_null(at):
            i = at + 4
        elif kind == PARTS:
            listed |= 1 << f
            i = parts(p, e, follows, f, at)
        elif kind == PART:
            i = part(p, e, follows, word(p.first, f), at)
        else:
            i = value(e, f, at)
        i = next_member(i)
    finish(p, e, listed)


@inlined
def finish(p: At, e: Into, listed: int) -> None:
    """Append what is no list of parts, and for the lists that are not said, a bit of `listed` each, their ends."""
    for leaf in range(e.leaves):
        if word(e.many, leaf) < 0:
            put(e, leaf)
    for f in range(word(p.first_field, 1)):
        if word(p.kind, f) == PARTS and not listed & (1 << f):
            put_end(e, e.leaves + f, 0)


@compiled
def emit(p: At, e: Into, follows: int, found: int, many: int) -> None:
    """Append these records."""
    for n in range(many):
        row(p, e, follows, word(found, COLUMNS * n + RECORD_AT))
