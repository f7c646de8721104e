"""Fetched records as aiokafka's parser gives them: to make a ConsumerRecord of each takes as long as parsing it."""

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords


class LeanRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Iterates over records that have `offset`, `timestamp`, `timestamp_type` and `value`, and nothing else we use."""

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record


def use() -> None:
    """Let every consumer of this process iterate so; aiokafka has no setting for it."""
    fetcher.PartitionRecords = LeanRecords
