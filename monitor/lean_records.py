"""Fetched records as aiokafka's parser gives them, a whole record batch at a time.

aiokafka goes through records one by one in Python, and makes a ConsumerRecord of each: that takes as long as parsing
them. What it does with batches (checksums, aborted transactions, control batches, positions) stays its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords


@dataclass(slots=True)
class _Run:
    """All records of a batch, in the place of one."""

    offset: int
    """Of the last of them."""
    records: list[Any]


class _Batch:
    """A batch that iterates over one run."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # aiokafka looks into control batches so

    def __iter__(self) -> Iterator[_Run]:
        records = list(self._batch)
        return iter([_Run(records[-1].offset, records)] if records else [])


class _Batches:
    """The batches of one fetch."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def has_next(self) -> bool:
        return bool(self._batches.has_next())

    def next_batch(self) -> _Batch:
        return _Batch(self._batches.next_batch())


class LeanRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Iterates over lists of records that have `offset`, `timestamp` and `value`; none is empty."""

    def __init__(self, tp: Any, records: Any, *more: Any) -> None:
        super().__init__(tp, _Batches(records), *more)

    def _consumer_record(self, tp: Any, record: _Run) -> list[Any]:
        first = self.next_fetch_offset
        if record.records[0].offset < first:  # a batch is sent whole, wherever in it the fetch began
            return [one for one in record.records if one.offset >= first]
        return record.records


def use() -> None:
    """Let every consumer of this process iterate so; aiokafka has no setting for it."""
    fetcher.PartitionRecords = LeanRecords
