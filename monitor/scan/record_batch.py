"""Compiled: the records inside Kafka's record batches (version 2), to columns.

As Kafka's documentation of its protocol has them, under "Record". Numbers are varints, in zigzag; keys and headers
are passed over.
"""

from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined
from monitor.scan.plan import Ints, Octets
from monitor.scan.raw import byte, put_byte, put_word, word
from monitor.scan.tokens import PADDING
from monitor.scan.values import Values

_PADDING = bytes(PADDING)
_BEYOND = 2**62
"""Stands for a number that is longer than 64 bits: more than any record can hold."""
_POSITIVE = 2**63 - 1
_HEAD = 7
BEGIN, END, RECORDS, FIRST_OFFSET, FIRST_TIMESTAMP, APPEND_TIME, WANTED = range(_HEAD)
"""Of each batch: where its records begin and end in the text, how many they are; what their offsets and times are
counted from; the time of all of them, or below 0 where each has its own; the offset before which none is wanted."""
_COLUMNS = 4
_VALUE_BEGIN, _VALUE_END, _OFFSET, _TIME = range(_COLUMNS)


class RecordBatch(NamedTuple):
    """One of Kafka's record batches, uncompressed."""

    records: bytes | memoryview
    """Everything behind its head."""
    many: int
    """Records in it."""
    first_offset: int
    first_timestamp: int
    """Unix milliseconds."""
    append_time: int
    """When the broker wrote it, in Unix milliseconds; below 0 where the producers' times count."""
    wanted: int
    """First offset that is asked for; the batch may begin before it."""


class Columns(NamedTuple):
    """Records, column by column."""

    values: Values
    offsets: Ints
    timestamps: Ints
    """Kafka's record times, in Unix milliseconds."""

    def part(self, begin: int, end: int) -> "Columns":
        """Those at these positions."""
        return Columns(self.values[begin:end], self.offsets[begin:end], self.timestamps[begin:end])


@inlined
def varint(i: int) -> tuple[int, int]:
    """The number here, and where it ends; ten bytes may be read."""
    value, shift = 0, 0
    while byte(i) & 128:
        if shift > 56:
            return _BEYOND, i
        value |= (byte(i) & 127) << shift
        shift, i = shift + 7, i + 1
    value |= byte(i) << shift
    return ((value >> 1) & _POSITIVE) ^ -(value & 1), i + 1


@inlined
def passed(i: int, stop: int) -> int:
    """Behind bytes that stand behind their length; below 0 when they reach beyond `stop`."""
    length, i = varint(i)
    if length > stop - i:
        return -1
    return i + length if length > 0 else i


@inlined
def record(i: int, end: int) -> tuple[int, int, int, int, int]:
    """A record: where it ends, or below 0 when it is none; where its value begins, and its size, below 0 for none; its
    offset and time, less those that the batch's are counted from.
    """
    length, i = varint(i)
    if length < 0 or length > end - i:
        return -1, 0, 0, 0, 0
    stop = i + length
    since, i = varint(i + 1)
    delta, i = varint(i)
    i = passed(i, stop) if i < stop else -1
    if i < 0 or i >= stop:
        return -1, 0, 0, 0, 0
    size, i = varint(i)
    if size >= stop - i:  # the number of headers comes behind it
        return -1, 0, 0, 0, 0
    return stop, i, size, delta, since


@compiled
def columns(text: int, batches: int, many: int, out: int, room: int) -> int:
    """Fill `out`, shape (_COLUMNS, room), and end each value with a zero byte.

    How many records there are; below 0 when a batch is not what its head says.
    """
    n = 0
    for batch in range(many):
        head = batches + 8 * _HEAD * batch
        i, end = text + word(head, BEGIN), text + word(head, END)
        for _ in range(word(head, RECORDS)):
            stop, i, size, delta, since = record(i, end)
            if stop < 0:
                return -1
            offset = word(head, FIRST_OFFSET) + delta
            if offset >= word(head, WANTED):
                own = word(head, APPEND_TIME) < 0
                put_word(out, _VALUE_BEGIN * room + n, i - text if size >= 0 else -1)
                put_word(out, _VALUE_END * room + n, i - text + size if size >= 0 else -1)
                put_word(out, _OFFSET * room + n, offset)
                put_word(out, _TIME * room + n, word(head, FIRST_TIMESTAMP) + since if own else word(head, APPEND_TIME))
                n += 1
            if size >= 0:
                put_byte(i + size, 0)
            i = stop
        if i != end:
            return -1
    return n


def unpacked(batches: list[RecordBatch]) -> Columns | None:
    """The records of these batches that are wanted; None when a batch is not what its head says."""
    if any(not 0 <= batch.many <= len(batch.records) for batch in batches):
        return None
    joined = bytearray().join([*[batch.records for batch in batches], _PADDING])
    text: Octets = np.frombuffer(joined, dtype=np.uint8)
    heads, at = np.empty((len(batches), _HEAD), dtype=np.int64), 0
    for head, (records, *rest) in zip(heads, batches, strict=True):
        head[:] = at, at + len(records), *rest
        at += len(records)
    room = int(heads[:, RECORDS].sum())
    out = np.empty((_COLUMNS, room), dtype=np.int64)
    n = columns(text.ctypes.data, heads.ctypes.data, len(batches), out.ctypes.data, room)
    if n < 0:
        return None
    begins, ends, offsets, timestamps = out[:, :n]
    return Columns(Values(text, begins, ends), offsets, timestamps)
