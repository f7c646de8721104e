from typing import Any

import crc32c
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from monitor.lean_records import Batches, LeanRecords, columns

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


def fetched(data: bytes, begin: int = 0) -> Any:
    return LeanRecords(_TP, Batches(data), None, begin, None, None, True, 0)


def rows(batches: list[Any]) -> list[tuple[int, int, bytes | None]]:
    values, offsets, timestamps = columns(batches)
    return list(zip(offsets.tolist(), timestamps.tolist(), values, strict=True))


def lean(data: bytes, begin: int = 0) -> list[tuple[int, int, bytes | None]]:
    return rows(list(fetched(data, begin)))


def usual(data: bytes, begin: int = 0) -> list[tuple[int, int, bytes | None]]:
    records: Any = PartitionRecords(_TP, MemoryRecords(data), None, begin, None, None, True, 0)
    return [(one.offset, one.timestamp, one.value) for one in records]


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


WORDS = st.none() | st.binary(max_size=40) | st.integers(0, 400).map(bytes)
TIMES = st.integers(0, 2**40) | st.integers(-(2**62), 2**62)
RECORDS = st.lists(st.tuples(st.integers(1, 200), TIMES, WORDS, WORDS, st.integers(0, 3)), min_size=1, max_size=8)


@given(first=st.integers(0, 2**40), records=RECORDS, compression=st.sampled_from([0, 1, 3]), skip=st.integers(0, 300))
def test_keys_headers_gaps_tombstones_and_any_time_are_as_aiokafka_reads_them(
    first: int, records: list[tuple[int, int, bytes | None, bytes | None, int]], compression: int, skip: int
) -> None:
    builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 1 << 20)
    at = 0
    for gap, time, key, value, headers in records:
        builder.append(at, time, key, value, [("traceparent", b"\0{}" * number) for number in range(headers)])
        at += gap
    data = bytearray(builder.build())
    data[:8] = first.to_bytes(8, "big")
    assert lean(bytes(data), first + skip) == usual(bytes(data), first + skip)


def test_the_brokers_time_counts_where_the_topic_says_so() -> None:
    data = bytearray(batch(0))
    data[22] |= 8  # of the attributes
    data[35:43] = (1_700_000_500_000).to_bytes(8, "big")
    data[17:21] = crc32c.crc32c(data[21:]).to_bytes(4, "big")
    assert lean(bytes(data)) == usual(bytes(data))
    assert {timestamp for _, timestamp, _ in lean(bytes(data))} == {1_700_000_500_000}


def test_batches_of_old_and_new_versions_stand_side_by_side_in_one_fetch() -> None:
    old, new = old_batch(), batch(40)
    assert rows([*fetched(old), *fetched(new)]) == usual(old) + usual(new)


def forged(**changes: bytes) -> bytes:
    """A batch with other bytes, and a checksum that agrees with them."""
    data = bytearray(batch(0))
    for place, other in changes.items():
        at = int(place.removeprefix("at"))
        data[at : at + len(other)] = other
    data[17:21] = crc32c.crc32c(data[21:]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"at57": (_EVENTS + 1).to_bytes(4, "big")},
        {"at57": (_EVENTS - 1).to_bytes(4, "big")},
        {"at57": (2**31 - 1).to_bytes(4, "big")},
        {"at57": (-1).to_bytes(4, "big", signed=True)},
        {"at61": b"\xff" * 11},
        {"at61": b"\x01"},
        {"at65": b"\x7e"},
        {"at69": b"\x7e"},
    ],
    ids=["more", "fewer", "very-many", "less-than-none", "endless-number", "length", "key", "value"],
)
def test_a_batch_that_does_not_hold_what_its_head_says_is_refused(changes: dict[str, bytes]) -> None:
    with pytest.raises(CorruptRecordException):
        lean(forged(**changes))


@given(at=st.integers(61, 400), junk=st.binary(min_size=1, max_size=12))
def test_whatever_stands_in_a_batch_nothing_is_read_beyond_it(at: int, junk: bytes) -> None:
    data = forged(**{f"at{at}": junk})
    try:
        found = lean(data)
    except CorruptRecordException:
        return
    assert len(found) <= _EVENTS
    assert all(value is None or len(value) < len(data) for _, _, value in found)
