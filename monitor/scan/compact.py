"""Compiled: copies of what was read; of a record, without its blanks and without members that are null."""

from detectors.compiled import compiled, inlined
from monitor.scan.raw import byte, put_byte, put_word, word
from monitor.scan.tokens import is_null

_BLANK, _QUOTE, _COLON, _COMMA, _OPEN = ord(" "), ord('"'), ord(":"), ord(","), ord("{")
SLACK = 8
"""Bytes behind a copy that it may overwrite, for it goes by eights."""


@inlined
def copy(begin: int, end: int, o: int) -> int:
    """Append what stands between these addresses; eight bytes behind it may be read, and behind the copy written."""
    for k in range(0, end - begin, 8):
        put_word(o + k, 0, word(begin + k, 0))
    return o + end - begin


@compiled
def has_blanks(begin: int, end: int) -> bool:
    """Whether a blank stands between these addresses."""
    found = 0
    for i in range(begin, end):
        found |= byte(i) <= _BLANK
    return found != 0


@compiled
def compact(begin: int, close: int, o: int) -> int:  # noqa: C901, PLR0912  # one case for each sign
    """Append the members of the object that begins here and ends at `close`. No text in it has blanks."""
    inside, key = False, o
    i = begin
    while byte(i) != _OPEN:
        i += 1
    i += 1
    start = o
    while i < close:
        c = byte(i)
        i += 1
        if c <= _BLANK:
            continue
        if not inside and (c == _COMMA and (o == start or byte(o - 1) == _OPEN)):
            continue  # what stood before it was null
        if c == _QUOTE:
            inside = not inside
            if inside:
                key = o
        elif c == _COLON and not inside:
            j = i
            while byte(j) <= _BLANK:
                j += 1
            if is_null(j):
                i, o = j + 4, key
                if o > start and byte(o - 1) == _COMMA:
                    o -= 1
                continue
        put_byte(o, c)
        o += 1
    return o
