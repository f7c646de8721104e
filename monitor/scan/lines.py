"""Compiled: records that were read, to the lines of the store."""

import numpy as np

from detectors.compiled import compiled, inlined
from monitor.scan.compact import SLACK, copy
from monitor.scan.plan import At, Octets
from monitor.scan.raw import put_byte, word
from monitor.scan.walk import COLUMNS, DEFAULTS, MASK, ROW_AT, ROW_END

_DIGITS = 20
"""Of a number in a row, at most."""
_COMMA, _CLOSE, _NEWLINE = ord(","), ord("}"), ord("\n")


@inlined
def number(value: int, o: int) -> int:
    """Append a number that is not negative, in decimal."""
    length, rest = 1, value // 10
    while rest:
        length, rest = length + 1, rest // 10
    for k in range(length):
        put_byte(o + length - 1 - k, ord("0") + value % 10)
        value //= 10
    return o + length


@inlined
def defaults(p: At, absent: int, o: int) -> int:
    """Append what a row must say where the record does not, for the fields whose bits are set."""
    for f in range(word(p.first_field, 1)):
        if absent & (1 << f):
            o = copy(p.defaults + word(p.default_at, f), p.defaults + word(p.default_at, f + 1), o)
    return o


@compiled
def lines(p: At, found: int, many: int, offsets: int, head: tuple[int, int], between: tuple[int, int]) -> Octets:
    """A line of JSON for each record: `head`, its offset, `between`, its mask, and its members.

    All but `p` and `many` are addresses; of texts, where they begin and end.
    """
    fixed = head[1] - head[0] + between[1] - between[0] + word(p.default_at, word(p.first_field, 1)) + 2 * _DIGITS + 3
    size = many * fixed + SLACK
    for n in range(many):
        size += word(found, COLUMNS * n + ROW_END) - word(found, COLUMNS * n + ROW_AT)
    out = np.empty(size, dtype=np.uint8)
    begin = out.ctypes.data
    o = begin
    for n in range(many):
        row = COLUMNS * n
        o = number(word(offsets, n), copy(head[0], head[1], o))
        o = number(word(found, row + MASK), copy(between[0], between[1], o))
        put_byte(o, _COMMA)
        o = copy(word(found, row + ROW_AT), word(found, row + ROW_END), o + 1)
        o = defaults(p, word(found, row + DEFAULTS), o)
        put_byte(o, _CLOSE)
        put_byte(o + 1, _NEWLINE)
        o += 2
    return out[: o - begin]
