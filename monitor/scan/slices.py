"""The slices that were met before, so that the compiled code can name one by a number.

A slice is learnt from an event that the contract has taken. So a record with the same words in every dimension needs
no look at them: they were all held to their patterns once.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined
from monitor.scan.plan import SEED
from monitor.scan.raw import byte, mixed, put_byte, put_word, word
from monitor.scan.tokens import PADDING, equal, hash_of
from monitor.windows import DIMENSIONS, Said

PLACES, SLICES, LETTERS = 2**18, 2**17, 2**24
"""Places in the table, slices, and bytes of their words; when there are more, all are forgotten and learnt again."""
SPAN = 3
"""Numbers of a dimension in a record: the addresses where its word begins and ends, and its hash; zeros without one."""
_DIMENSIONS = len(DIMENSIONS)


class Known(NamedTuple):
    """The addresses of what is known, for the compiled code."""

    table: int
    """The slice at each place, or -1."""
    key: int
    """By slice: its hash."""
    begin: int
    """By slice: the address where its words begin."""
    length: int
    """By slice and dimension: the length of its word, 0 for one that is not said."""


@inlined
def key_of(spans: int) -> int:
    """The hash of a slice."""
    key = SEED
    for d in range(_DIMENSIONS):
        key = mixed(key, word(spans, SPAN * d + 2))
    return key


@compiled
def find(known: Known, spans: int) -> int:
    """The number of the slice whose words stand at these places; below 0, -1 less the place where it would stand."""
    key = key_of(spans)
    place = key & (PLACES - 1)
    one = word(known.table, place)
    while one >= 0:
        if word(known.key, one) == key and _same(known, one, spans):
            return one
        place = (place + 1) & (PLACES - 1)
        one = word(known.table, place)
    return -1 - place


@inlined
def _same(known: Known, one: int, spans: int) -> bool:
    at = word(known.begin, one)
    for d in range(_DIMENSIONS):
        length, begin = word(known.length, one * _DIMENSIONS + d), word(spans, SPAN * d)
        if word(spans, SPAN * d + 1) - begin != length or not equal(begin, at, length):
            return False
        at += length
    return True


@compiled
def _add(known: Known, one: int, begin: int, spans: int) -> bool:
    """Learn a slice as number `one`, whose words stand from `begin` on; false if it is known."""
    for d in range(_DIMENSIONS):
        at, end = word(spans, SPAN * d), word(spans, SPAN * d + 1)
        put_word(spans, SPAN * d + 2, hash_of(at, end) if end > at else 0)
    found = find(known, spans)
    if found >= 0:
        return False
    put_word(known.table, -1 - found, one)
    put_word(known.key, one, key_of(spans))
    put_word(known.begin, one, begin)
    for d in range(_DIMENSIONS):
        put_word(known.length, one * _DIMENSIONS + d, word(spans, SPAN * d + 1) - word(spans, SPAN * d))
        for i in range(word(spans, SPAN * d), word(spans, SPAN * d + 1)):
            put_byte(begin, byte(i))
            begin += 1
    return True


class Numbering:
    """What the numbers of slices stand for, until all are forgotten and another begins."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        """Each slice by its number."""
        self.features = np.zeros(SLICES, dtype=np.int64)
        """The number of its feature, by slice."""
        self.feature: list[str] = []
        """Each feature by its number."""
        self._numbers: dict[str, int] = {}

    def append(self, said: Said) -> None:
        """Give a slice the next number."""
        feature = said[0] or ""
        number = self._numbers.setdefault(feature, len(self.feature))
        if number == len(self.feature):
            self.feature.append(feature)
        self.features[len(self.said)] = number
        self.said.append(said)


class Slices:
    """What was learnt, for one thread."""

    def __init__(self) -> None:
        self._table = np.full(PLACES, -1, dtype=np.int64)
        self._columns = np.zeros((2 + _DIMENSIONS, SLICES), dtype=np.int64)
        self._letters = np.zeros(LETTERS, dtype=np.uint8)
        self._end = 0
        columns = self._columns.ctypes.data
        self.known = Known(self._table.ctypes.data, columns, columns + 8 * SLICES, columns + 16 * SLICES)
        self._met: set[Said] = set()
        self._learnt: set[Said] = set()
        self.numbering = Numbering()

    def learn(self, slices: Iterable[Said]) -> None:
        """Take slices of events that the contract has taken; each when it is met a second time."""
        for said in slices:
            if said in self._learnt:
                continue
            if said in self._met:
                self._learn(said)
            else:  # where every event is a new slice, to learn it costs more than it saves
                if len(self._met) >= SLICES:
                    self._met.clear()
                self._met.add(said)

    def _learn(self, said: Said) -> None:
        words = [(value or "").encode() for value in said]
        text = np.frombuffer(b"".join([*words, bytes(PADDING)]), dtype=np.uint8)
        if len(self.numbering.said) >= SLICES or self._end + len(text) > LETTERS:
            self._table[:] = -1
            self.numbering, self._end = Numbering(), 0
            self._learnt.clear()
        self._learnt.add(said)
        ends = text.ctypes.data + np.cumsum([0, *map(len, words)])
        spans = np.array([ends[:-1], ends[1:], np.zeros_like(ends[1:])]).T.copy()
        if _add(self.known, len(self.numbering.said), self._letters.ctypes.data + self._end, spans.ctypes.data):
            self.numbering.append(said)
            self._end += len(text) - PADDING
