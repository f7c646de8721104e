"""Fetched records as aiokafka's parser gives them, a whole record batch at a time.

aiokafka goes through records one by one in Python, and makes a ConsumerRecord of each: that takes as long as parsing
them. And it sums up checksums in software, a fifteenth of a busy worker's time; processors have an instruction for it.
What it does with batches (aborted transactions, control batches, positions) stays its own.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import crc32c
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.memory_records import MemoryRecords

_LENGTH = struct.Struct(">8xi")
"""Of a batch, after its first offset: how many bytes follow."""
_MAGIC, _CHECKSUM, _SUMMED = 16, struct.Struct(">17xI"), 21
"""Where a batch has its version; the checksum of version 2, and where what it sums up begins."""


@dataclass(slots=True)
class _Run:
    """All records of a batch, in the place of one."""

    offset: int
    """Of the last of them."""
    records: list[Any]


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
        records = list(self._batch)
        return iter([_Run(records[-1].offset, records)] if records else [])

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


class LeanRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Iterates over lists of records that have `offset`, `timestamp` and `value`; none is empty."""

    def _consumer_record(self, tp: Any, record: _Run) -> list[Any]:
        first = self.next_fetch_offset
        if record.records[0].offset < first:  # a batch is sent whole, wherever in it the fetch began
            return [one for one in record.records if one.offset >= first]
        return record.records


def use() -> None:
    """Let every consumer of this process iterate so; aiokafka has no setting for it."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = Batches, LeanRecords
