"""Fetched records as aiokafka's parser gives them, a whole record batch at a time, and not yet cut into records.

aiokafka goes through records one by one in Python, and makes an object of each: that takes as long as what is done
with them. And it sums up checksums in software, a fifteenth of a busy worker's time; processors have an instruction
for it. What it does with batches (aborted transactions, control batches, positions) stays its own.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import crc32c
import numpy as np
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from monitor.scan.record_batch import Columns, RecordBatch, unpacked
from monitor.scan.values import Values

_LENGTH = struct.Struct(">8xi")
"""Of a batch, after its first offset: how many bytes follow."""
_MAGIC, _CHECKSUM, _SUMMED = 16, struct.Struct(">17xI"), 21
"""Where a batch has its version; the checksum of version 2, and where what it sums up begins."""
_HEAD = struct.Struct(">q13xhiqq14xi")
"""Of version 2: first offset, attributes, last offset less the first, first and last time, number of records."""
_CODEC, _APPEND_TIME = 7, 8
"""Bits of the attributes."""
_DECODE = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


@dataclass(slots=True)
class _Run:
    """All records of a batch, in the place of one."""

    offset: int
    """Of the last of them."""
    batch: RecordBatch | list[Any]
    """Or the records, where the batch is of an older version."""


class _Batch:
    """A batch that iterates over one run. `data` is all of its bytes."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # aiokafka looks into control batches so

    def __iter__(self) -> Iterator[_Run]:
        if self._data[_MAGIC] != 2:
            cut = list(self._batch)
            return iter([_Run(cut[-1].offset, cut)] if cut else [])
        offset, attributes, last, first_time, last_time, count = _HEAD.unpack_from(self._data)
        if count == 0:  # compacted away
            return iter(())
        records: bytes | memoryview = self._data[_HEAD.size :]
        if codec := attributes & _CODEC:
            records = _DECODE[codec](bytes(records))
        append_time = last_time if attributes & _APPEND_TIME else -1
        return iter([_Run(offset + last, RecordBatch(records, count, offset, first_time, append_time, 0))])

    def validate_crc(self) -> bool:
        """Whether the batch is as the producer made it."""
        if self._data[_MAGIC] != 2:  # older versions sum up otherwise
            return bool(self._batch.validate_crc())
        (told,) = _CHECKSUM.unpack_from(self._data)
        return bool(crc32c.crc32c(self._data[_SUMMED:]) == told)


class Batches:
    """The batches of one fetch, whose bytes are `data`."""

    def __init__(self, data: bytes) -> None:
        self._batches = MemoryRecords(data)
        self._data = memoryview(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Of the fetch, with a last batch that did not fit."""
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        """Whether there is a whole batch left."""
        return bool(self._batches.has_next())

    def next_batch(self) -> _Batch:
        """The next batch."""
        begin = self._at
        (length,) = _LENGTH.unpack_from(self._data, begin)
        self._at = begin + _LENGTH.size + length
        return _Batch(self._batches.next_batch(), self._data[begin : self._at])


Fetched = RecordBatch | list[Any]
"""What stands for all records of a batch: itself, or its records, where it is of an older version."""


class LeanRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Iterates over batches, each with at least one record that is asked for, but for what was compacted away."""

    def _consumer_record(self, tp: Any, run: _Run) -> Fetched:
        first = self.next_fetch_offset  # a batch is sent whole, wherever in it the fetch began
        if isinstance(run.batch, RecordBatch):
            return run.batch._replace(wanted=first)
        return [record for record in run.batch if record.offset >= first]


def columns(fetched: list[Fetched]) -> Columns:
    """The records of these batches, in order.

    Raises CorruptRecordException when a batch does not hold what its head says.
    """
    batches = [batch for batch in fetched if isinstance(batch, RecordBatch)]
    if len(batches) < len(fetched):  # as producers wrote them before Kafka 0.11
        return _records([record for batch in fetched for record in _each(batch)])
    found = unpacked(batches)
    if found is None:
        raise CorruptRecordException("a record batch does not hold the records that its head tells of")
    return found


def _each(batch: Fetched) -> list[tuple[int, int, bytes | None]]:
    if isinstance(batch, RecordBatch):
        values, offsets, timestamps = columns([batch])
        return list(zip(offsets.tolist(), timestamps.tolist(), values, strict=True))
    return [(record.offset, record.timestamp, record.value) for record in batch]


def _records(records: list[tuple[int, int, bytes | None]]) -> Columns:
    offsets, timestamps, values = zip(*records, strict=True)
    return Columns(Values.of(values), np.array(offsets, dtype=np.int64), np.array(timestamps, dtype=np.int64))


def use() -> None:
    """Let every consumer of this process iterate so; aiokafka has no setting for it."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = Batches, LeanRecords
