"""Compiled: JSON's words, texts, numbers and times, each held to what its field may say.

Every function takes the address to read at, `i`, and returns where it stopped; a negative number means "not mine": the
record is left to schemas/fast.py, whatever is wrong with it. Nothing walks beyond a record, because each ends with a
zero byte, which nothing here accepts; and PADDING more of them stand behind the last, for what looks ahead.
"""

from detectors.compiled import compiled, inlined
from monitor.scan.plan import ABSENT, ENTRIES, FLAG, NUMBER, SEED, TEXT, TIME, WHOLE, WORD, At
from monitor.scan.raw import byte, mixed, put_word, word

NOT_MINE = -1
PADDING = 64
_MICROSECOND = 1_000_000
_QUOTE, _COLON, _COMMA, _DOT, _BEGIN, _END = ord('"'), ord(":"), ord(","), ord("."), ord("["), ord("]")
_ZERO, _NINE = ord("0"), ord("9")
_DIGITS = 17
"""Of a whole number, at most; fewer than 63 bits hold."""
_FRACTION = 40
"""Digits behind the point, at most."""
MOST_LETTERS = 64
"""Of any text or number that is taken."""


@inlined
def blanks(i: int) -> int:
    """Behind JSON's white space."""
    while byte(i) == 32 or 9 <= byte(i) <= 10 or byte(i) == 13:
        i += 1
    return i


@compiled
def plain(p: At, i: int) -> int:
    """Behind the characters of a text without escapes: at its closing quote."""
    while byte(p.classes + byte(i)):
        i += 1
    return i if byte(i) == _QUOTE else NOT_MINE


@inlined
def tail(at: int, length: int) -> int:
    """The last bytes of a text as one number; fewer than eight of them. On a machine that has the low byte first."""
    return word(at, 0) & ((1 << 8 * length) - 1)


@compiled
def hash_of(begin: int, end: int) -> int:
    """The hash of a text, eight bytes at a time; eight bytes behind it may be read."""
    value = SEED + end - begin
    while end - begin >= 8:
        value = mixed(value, word(begin, 0))
        begin += 8
    return mixed(value, tail(begin, end - begin)) if end > begin else value


@inlined
def equal(a: int, b: int, length: int) -> bool:
    """Whether the same bytes stand at both addresses; eight bytes behind them may be read."""
    while length >= 8:
        if word(a, 0) != word(b, 0):
            return False
        a, b, length = a + 8, b + 8, length - 8
    return length == 0 or tail(a, length) == tail(b, length)


@compiled
def look_up(p: At, dictionary: int, begin: int, end: int) -> int:
    """The code of the word between these addresses, or -1."""
    table, place = dictionary * ENTRIES, hash_of(begin, end) & (ENTRIES - 1)
    entry = word(p.dictionary, table + place)
    while entry >= 0:
        if is_entry(p, entry, begin, end - begin):
            return word(p.entry_code, entry)
        place = (place + 1) & (ENTRIES - 1)
        entry = word(p.dictionary, table + place)
    return -1


@inlined
def is_entry(p: At, entry: int, begin: int, length: int) -> bool:
    """Whether the word of this length is this entry."""
    at = word(p.entry_at, entry)
    return word(p.entry_at, entry + 1) - at == length and equal(begin, p.letters + at, length)


@compiled
def one_of(p: At, dictionary: int, i: int) -> tuple[int, int]:
    """A quoted word of a vocabulary, and its code."""
    if byte(i) != _QUOTE:
        return NOT_MINE, ABSENT
    end = plain(p, i + 1)
    if end < 0:
        return NOT_MINE, ABSENT
    code = look_up(p, dictionary, i + 1, end)
    return (NOT_MINE if code < 0 else end + 1), code


@compiled
def text(p: At, f: int, i: int) -> int:
    """A quoted text of the field's alphabet and length."""
    if byte(i) != _QUOTE or not byte(p.classes + 256 * word(p.first, f) + byte(i + 1)):
        return NOT_MINE
    rest, j = p.classes + 256 * word(p.rest, f), i + 2
    while byte(rest + byte(j)):
        j += 1
    return j + 1 if byte(j) == _QUOTE and word(p.low, f) <= j - i - 1 <= word(p.high, f) else NOT_MINE


@inlined
def digits(i: int, most: int) -> tuple[int, int]:
    """At least one digit and at most so many, and the number they make."""
    value, j = 0, i
    while _ZERO <= byte(j) <= _NINE and j - i < most:
        value = 10 * value + byte(j) - _ZERO
        j += 1
    return (NOT_MINE if j == i else j), value


@inlined
def whole(i: int) -> tuple[int, int]:
    """A whole number that is not negative, without zeros before it."""
    j, value = digits(i, _DIGITS)
    return (NOT_MINE if byte(i) == _ZERO and j > i + 1 else j), value


@compiled
def number(high: int, i: int) -> int:
    """A number from 0 to a bound that is a whole number."""
    j, value = whole(i)
    if j < 0 or byte(j) != _DOT:
        return j if value <= high else NOT_MINE
    begin, more = j + 1, 0
    j = begin
    while _ZERO <= byte(j) <= _NINE:
        more |= byte(j) - _ZERO
        j += 1
    if j - begin > _FRACTION:
        return NOT_MINE
    return j if j > begin and (value < high or (value == high and more == 0)) else NOT_MINE


@inlined
def flag(i: int) -> tuple[int, int]:
    """True or false."""
    if byte(i) == 116 and byte(i + 1) == 114 and byte(i + 2) == 117 and byte(i + 3) == 101:
        return i + 4, 1
    if byte(i) == 102 and byte(i + 1) == 97 and byte(i + 2) == 108 and byte(i + 3) == 115 and byte(i + 4) == 101:
        return i + 5, 0
    return NOT_MINE, ABSENT


@inlined
def is_null(i: int) -> bool:
    """Whether `null` stands here."""
    return byte(i) == 110 and byte(i + 1) == 117 and byte(i + 2) == 108 and byte(i + 3) == 108


@inlined
def pair(i: int) -> int:
    """The number of two digits; below 0 for anything else."""
    a, b = byte(i) - _ZERO, byte(i + 1) - _ZERO
    return 10 * a + b if 0 <= a <= 9 and 0 <= b <= 9 else NOT_MINE


@inlined
def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970 in the years from 2000 on; -1 for a day that there is not."""
    if month < 1 or month > 12 or day < 1:
        return NOT_MINE
    leap = 1 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
    last = 28 + leap if month == 2 else 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31
    if day > last:
        return NOT_MINE
    y, shifted = (year - 1, month + 9) if month <= 2 else (year, month - 3)  # years that begin in March
    return y * 365 + y // 4 - y // 100 + y // 400 + (153 * shifted + 2) // 5 + day - 719_469


@compiled
def moment(i: int) -> tuple[int, int]:  # noqa: C901  # a form has many signs
    """A quoted time as `schemas.base.RFC3339_UTC` has it; and its Unix microseconds, finer digits cut."""
    if byte(i) != _QUOTE or byte(i + 5) != 45 or byte(i + 8) != 45 or byte(i + 11) != 84:
        return NOT_MINE, 0
    if byte(i + 14) != _COLON or byte(i + 17) != _COLON:
        return NOT_MINE, 0
    century, year = pair(i + 1), pair(i + 3)
    hour, minute, second = pair(i + 12), pair(i + 15), pair(i + 18)
    if century < 20 or century > 21 or min(year, hour, minute, second) < 0 or hour > 23 or max(minute, second) > 59:
        return NOT_MINE, 0
    days = day_number(100 * century + year, pair(i + 6), pair(i + 9))
    if days < 0:
        return NOT_MINE, 0
    at, j = (((days * 24 + hour) * 60 + minute) * 60 + second) * _MICROSECOND, i + 20
    if byte(j) == _DOT:
        j, fraction = digits(j + 1, 9)
        if j < 0:
            return NOT_MINE, 0
        for _ in range(j - i - 21, 6):
            fraction *= 10
        for _ in range(6, j - i - 21):
            fraction //= 10
        at += fraction
    return zone(j), at


@inlined
def zone(j: int) -> int:
    """Behind the two ways to say UTC, and the quote."""
    if byte(j) == 90 and byte(j + 1) == _QUOTE:
        return j + 2
    if byte(j) == 43 and pair(j + 1) == 0 and byte(j + 3) == _COLON and pair(j + 4) == 0 and byte(j + 6) == _QUOTE:
        return j + 7
    return NOT_MINE


@compiled
def words(p: At, f: int, i: int) -> tuple[int, int]:
    """A list of words of a vocabulary; 0 for an empty one, and else 1."""
    if byte(i) != _BEGIN:
        return NOT_MINE, ABSENT
    i, many = blanks(i + 1), 0
    if byte(i) == _END:
        return i + 1, 0
    while True:
        i, _ = one_of(p, word(p.first, f), i)
        many += 1
        if i < 0 or many > word(p.high, f):
            return NOT_MINE, ABSENT
        i = blanks(i)
        if byte(i) == _END:
            return i + 1, 1
        if byte(i) != _COMMA:
            return NOT_MINE, ABSENT
        i = blanks(i + 1)


@compiled
def scalar(p: At, f: int, i: int, values: int) -> int:
    """A value that is no part; its code goes into `values`."""
    kind, code = word(p.kind, f), 0
    if kind == TEXT:
        i = text(p, f, i)
    elif kind == WORD:
        i, code = one_of(p, word(p.first, f), i)
    elif kind == FLAG:
        i, code = flag(i)
    elif kind == WHOLE:
        i, code = whole(i)
        if code < word(p.low, f) or code > word(p.high, f):
            i = NOT_MINE
    elif kind == NUMBER:
        i = number(word(p.high, f), i)
    elif kind == TIME:
        i, code = moment(i)
    else:
        i, code = words(p, f, i)
    put_word(values, f, code)
    return i
