from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from monitor.lean_records import Batches, LeanRecords

_TP = TopicPartition("ai.telemetry", 0)
_EVENTS = 40


def batch(first: int, compression: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 1 << 20)
    for number in range(_EVENTS):
        builder.append(number, 1_700_000_000_000 + number, b"key", b"value %d" % (first + number), [])
    data = bytearray(builder.build())
    data[:8] = first.to_bytes(8, "big")  # the broker writes it, and the checksum leaves it out
    return bytes(data)


def old_batch() -> bytes:
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 20)
    for number in range(_EVENTS):
        builder.append(number, 1_700_000_000_000, b"key", b"value %d" % number)
    return bytes(builder.build())


def lean(data: bytes, begin: int = 0) -> list[tuple[int, int, bytes]]:
    runs: Any = LeanRecords(_TP, Batches(data), None, begin, None, None, True, 0)
    return [(one.offset, one.timestamp, bytes(one.value)) for run in runs for one in run]


def usual(data: bytes, begin: int = 0) -> list[tuple[int, int, bytes]]:
    records: Any = PartitionRecords(_TP, MemoryRecords(data), None, begin, None, None, True, 0)
    return [(one.offset, one.timestamp, bytes(one.value)) for one in records]


@pytest.mark.parametrize("begin", [0, 1, 39])
@pytest.mark.parametrize("compression", [0, 1, 3, 4], ids=["plain", "gzip", "lz4", "zstd"])
def test_the_records_are_those_of_aiokafka(begin: int, compression: int) -> None:
    data = batch(0, compression) + batch(40, compression)
    assert lean(data, begin) == usual(data, begin)
    assert len(lean(data, begin)) == 2 * _EVENTS - begin


def test_a_last_batch_that_did_not_fit_is_left_for_the_next_fetch() -> None:
    data = batch(0) + batch(40)[:-1]
    assert lean(data) == usual(data)
    assert Batches(data).size_in_bytes() == len(data)


def test_old_messages_are_read_and_checked_by_aiokafka() -> None:
    data = old_batch()
    assert lean(data) == usual(data)
    assert len(lean(data)) == _EVENTS
    with pytest.raises(CorruptRecordException):
        lean(data[:-1] + b"x")


@pytest.mark.parametrize("place", [21, 23, 57, 100, -1])
def test_a_bit_that_fell_over_is_found(place: int) -> None:
    data = bytearray(batch(0) + batch(40))
    data[place] ^= 1
    with pytest.raises(CorruptRecordException, match="CRC"):
        lean(bytes(data))
    with pytest.raises(CorruptRecordException, match="CRC"):
        usual(bytes(data))
