"""Blocks in ClickHouse's Native format: they cost the store much less than JSON (decision 17)."""

from functools import lru_cache, partial
from typing import Any

import numpy as np

from monitor.scan import walk as found_as
from monitor.scan.emit import Into, emit
from monitor.scan.leaves import ELSEWHERE, LIST, TEXT, Leaves, lay_out, said
from monitor.scan.plan import At, Ints
from monitor.scan.planning import Planned
from monitor.scan.raw import SLACK
from monitor.scan.tokens import MOST_LETTERS

_LIST = 16 * (MOST_LETTERS + 1)
"""Bytes of a list of words, at most."""
_LAYOUTS = 256
"""Sets of fields that are remembered."""


class NativeBlocks:
    """Writes rows of table `telemetry`. For one thread."""

    def __init__(self, of: Planned, at: At, follows: int) -> None:
        self._at, self._follows = at, follows
        self._all = lay_out(of)
        self._said = lru_cache(_LAYOUTS)(partial(said, *self._all))
        self._fields = len(of.plan.kind)
        self._spans = np.zeros((self._fields, 2), dtype=np.int64)

    def block(self, found: Ints, place: tuple[str, int], offsets: Ints, items: Ints | None) -> bytes:
        """Rows for what was found, shape (records, COLUMNS), of a topic and partition, at these offsets.

        Where an offset holds several, `items` are their positions in it.
        """
        rows, elements = len(found), int(found[:, found_as.ELEMENTS].sum())
        filled, leaves = self._said(int(np.bitwise_or.reduce(found[:, found_as.SAID])))
        sizes = [_size(leaves, leaf, rows, elements) for leaf in range(len(leaves.form))]
        room = np.empty(sum(sizes), dtype=np.uint8)
        begins = np.cumsum([0, *sizes[:-1]])
        marks = np.empty((len(sizes), max(rows, elements)), dtype=np.uint8)
        lists = np.empty((len(sizes) + self._fields, rows), dtype=np.int64)
        to, nulls = begins + room.ctypes.data, np.arange(len(sizes)) * marks.shape[1] + marks.ctypes.data
        ends = np.arange(len(lists)) * 8 * rows + lists.ctypes.data
        count, found = np.zeros(len(lists), dtype=np.int64), np.ascontiguousarray(found)
        work = (*leaves, to, nulls, ends, count, self._spans)
        into = Into(*(part.ctypes.data for part in work), len(sizes))  # type: ignore[call-arg]  # mypy counts wrong
        emit(self._at, into, self._follows, found.ctypes.data, rows)
        columns = len(ELSEWHERE) + len(filled) + (items is not None)
        parts: list[Any] = [_varint(columns), _varint(rows), *_place(place, found, offsets)]
        if items is not None:
            parts += _head("item", "UInt16"), items.astype(np.uint16)
        written = to - room.ctypes.data
        for column in filled:
            parts.append(_head(column.name, column.sent))
            many = rows if column.many < 0 else int(count[len(sizes) + column.many])
            if column.many >= 0:
                parts.append(lists[len(sizes) + column.many])
            for leaf in column.leaves:
                if leaves.nullable[leaf]:
                    parts.append(marks[leaf, :many])
                if leaves.form[leaf] == LIST:
                    parts.append(lists[leaf])
                parts.append(room[begins[leaf] : written[leaf]])
        return b"".join(parts)


def _size(leaves: Leaves, leaf: int, rows: int, elements: int) -> int:
    """Bytes that the values of a leaf may take, at most."""
    values = rows if leaves.many[leaf] < 0 else elements
    form = leaves.form[leaf]
    each = MOST_LETTERS + 2 if form == TEXT else _LIST if form == LIST else int(leaves.width[leaf])
    return values * each + SLACK


def _place(place: tuple[str, int], found: Ints, offsets: Ints) -> list[Any]:
    topic, partition = place
    rows = len(found)
    return [
        _head("topic", "String"), _text(topic) * rows,
        _head("partition", "UInt32"), np.full(rows, partition, dtype=np.uint32),
        _head("offset", "Int64"), offsets,
        _head("mask", "UInt64"), np.ascontiguousarray(found[:, found_as.MASK]),
        _head("ts", "DateTime64(6, 'UTC')"), np.ascontiguousarray(found[:, found_as.TS]),
    ]  # fmt: skip


def _head(name: str, kind: str) -> bytes:
    return _text(name) + _text(kind)


def _text(text: str) -> bytes:
    return _varint(len(text)) + text.encode()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
