"""The `windows` table: one INSERT claims offset ranges and adds what they hold, or does neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from monitor.columns import MaskCounts
from monitor.windows import DIMENSIONS, CellKey
from schemas.outcomes import Bit

MAX_ROWS = 1_000_000
"""Beyond this the engine may split an INSERT into several parts, and it would not be atomic."""

_PLACE = ("topic", "partition", "offset_from", "offset_to")
_CLAIM = (
    "watermark", "records", "accepted", "duplicates", "dead_letters", "late", "skipped", "ids_from", "ids_split",
    "split_at",
)  # fmt: skip
_CELL = (*DIMENSIONS, "mask", "n", "weight")
COLUMNS = ("row_kind", *_PLACE, *_CLAIM, "flush", "window_start", *_CELL, "worker")
"""The order of the fields of a row, here and in the text that is sent."""
_NO_CLAIM = "\t".join("0" for _ in _CLAIM) + "\t"
_NO_CELL = "\t" * (len(DIMENSIONS) - 1) + "\t0\t0\t0"
_SETTINGS = {
    "insert_deduplicate": 1,
    "date_time_input_format": "basic",  # Unix seconds
    "input_format_parallel_parsing": 0,  # it would cut the text into several blocks, hence parts
    "max_insert_block_size": 2 * MAX_ROWS,
    "min_insert_block_size_rows": 2 * MAX_ROWS,
    "min_insert_block_size_bytes": 2**32,
}
_CONTEST = timedelta(days=1)
"""Two workers that claim from one offset do so within this time."""
_EPOCH = datetime.fromtimestamp(0, UTC)


_TAB = "\t".join


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: these offsets are counted. Field by field the `range` columns of the table."""

    topic: str
    partition: int
    offset_from: int
    offset_to: int
    watermark: datetime
    records: int
    accepted: int
    duplicates: int
    dead_letters: int
    late: int
    skipped: int
    ids_from: int
    ids_split: int
    split_at: datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who writes, in which flush, and when."""

    worker: str
    flush: str
    written_at: datetime


def insert_claim(client: Client, claim: Claim, cells: Mapping[CellKey, Sequence[int]], stamp: Stamp) -> None:
    """Claim a range and add its cells, in one step. Blocking.

    The deduplication token names where the range begins, so of all claims that begin there the store
    takes one: a retry whose answer was lost adds nothing, and neither does a worker that was paused while
    another took over. It is not told so; `read_flushes` tells it.
    """
    where = "\t".join(str(getattr(claim, name)) for name in _PLACE)
    before, after = f"cell\t{where}\t{_NO_CLAIM}\t", f"\t{stamp.worker}"
    lines = [_claim_line(claim, stamp)]
    lines += [
        f"{before}{start}\t{_TAB(cut)}\t{mask}\t{n}\t{weight}{after}"
        for (start, cut, mask), (n, weight) in cells.items()
    ]
    _insert(client, lines, f"{claim.topic}/{claim.partition}/{claim.offset_from}")


def insert_idle_claims(client: Client, claims: Sequence[Claim], stamp: Stamp) -> None:
    """Move the watermarks of partitions without records. They claim no offset. Blocking."""
    _insert(client, [_claim_line(claim, stamp) for claim in claims], stamp.flush)


def _claim_line(claim: Claim, stamp: Stamp) -> str:
    told = "\t".join(_text(getattr(claim, name)) for name in (*_PLACE, *_CLAIM))
    return f"range\t{told}\t{stamp.flush}\t{int(stamp.written_at.timestamp())}\t{_NO_CELL}\t{stamp.worker}"


def _text(value: object) -> str:
    # Padded: four digits before the point are a year to ClickHouse, which no retry would ever cure.
    return f"{value.timestamp():014.3f}" if isinstance(value, datetime) else str(value)


def read_flushes(client: Client, claims: Sequence[Claim], stamp: Stamp) -> set[tuple[str, int, int, int, str]]:
    """(topic, partition, offset_from, offset_to, flush) of every stored claim that begins where one of these does.

    Blocking.
    """
    begins = ", ".join(f"('{claim.topic}', {claim.partition}, {claim.offset_from})" for claim in claims)
    found = client.query(
        "SELECT topic, partition, offset_from, offset_to, flush FROM windows WHERE row_kind = 'range' "  # noqa: S608
        "AND window_start >= {since:DateTime('UTC')} AND offset_to >= offset_from "
        f"AND (topic, partition, offset_from) IN ({begins})",  # in the text: a parameter as long as this one may not go
        {"since": stamp.written_at - _CONTEST},
    )
    return {(row[0], int(row[1]), int(row[2]), int(row[3]), row[4]) for row in found.result_rows}


def insert_cells(client: Client, topic: str, cells: Mapping[str, Sequence[Any]], worker: str, token: str) -> None:
    """Add cells that no Kafka offset stands for, such as simulated history. Blocking.

    `cells` are parallel columns: window_start in Unix seconds, the DIMENSIONS, mask, n and weight.
    """
    before = f"cell\t{topic}\t0\t0\t0\t{_NO_CLAIM}\t"
    rows = zip(cells["window_start"], *(cells[name] for name in _CELL), strict=True)
    _insert(client, [before + _TAB(map(str, row)) + "\t" + worker for row in rows], token)


def _insert(client: Client, lines: Sequence[str], token: str) -> None:
    # Text, because it is the cheapest to build: identifiers hold no tab, no backslash and no line end.
    if len(lines) > MAX_ROWS:
        raise ValueError(f"{len(lines)} rows in one flush are not atomic; at most {MAX_ROWS} are")
    client.raw_insert(
        "windows",
        column_names=COLUMNS,
        insert_block="\n".join(lines).encode(),
        fmt="TabSeparated",
        settings=_SETTINGS | {"insert_deduplication_token": token},
    )


def read_claims(
    client: Client, partitions: Sequence[tuple[str, int]], recent: datetime
) -> dict[tuple[str, int], Claim]:
    """The newest claim of each of these partitions that has one. Blocking.

    Looks among claims written since `recent` first, because only those are read without a scan of all.
    """
    found = _newest_claims(client, partitions, recent)
    older = [partition for partition in partitions if partition not in found]
    return found | _newest_claims(client, older, _EPOCH)


def _newest_claims(
    client: Client, partitions: Sequence[tuple[str, int]], since: datetime
) -> dict[tuple[str, int], Claim]:
    if not partitions:
        return {}
    fields = ", ".join(f"argMax({_number(name)}, (offset_to, inserted_at))" for name in (*_PLACE[2:], *_CLAIM))
    found = client.query(
        f"SELECT topic, partition, {fields} FROM windows "  # noqa: S608  # column names are ours
        "WHERE row_kind = 'range' AND window_start >= {since:DateTime('UTC')} "
        "AND topic IN {topics:Array(String)} GROUP BY topic, partition",
        {"topics": sorted({topic for topic, _ in partitions}), "since": since},
    )
    claims = (_as_claim(row) for row in found.result_rows)
    by_partition = {(claim.topic, claim.partition): claim for claim in claims}
    return {partition: by_partition[partition] for partition in partitions if partition in by_partition}


def _as_claim(row: Sequence[Any]) -> Claim:
    values: dict[str, Any] = dict(zip((*_PLACE, *_CLAIM), row, strict=True))
    return Claim(**values | {name: _time(values[name]) for name in _TIMES})


_TIMES = ("watermark", "split_at")


def _number(name: str) -> str:
    # The client hands times out without a zone, and what it does to them depends on this machine's.
    return f"toUnixTimestamp64Milli({name})" if name in _TIMES else name


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000.0, UTC)


def read_watermarks(client: Client, topics: Sequence[str], since: datetime) -> dict[tuple[str, int], float]:
    """How far each partition is complete, in Unix seconds, by claims written since then. Blocking."""
    found = client.query(
        "SELECT topic, partition, toUnixTimestamp64Milli(max(watermark)) FROM windows "
        "WHERE row_kind = 'range' AND topic IN {topics:Array(String)} AND window_start >= {since:DateTime('UTC')} "
        "GROUP BY topic, partition",
        {"topics": list(topics), "since": since},
    )
    return {(topic, int(partition)): int(value) / 1000.0 for topic, partition, value in found.result_rows}


_BETWEEN = "window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}"
_MOST_FEATURES = 20_000
"""Features that are read at once at most: more than a worker scores, and few enough for its memory."""
ON_TIME = f"row_kind = 'cell' AND {_BETWEEN} AND bitAnd(mask, {Bit.LATE | Bit.SYNTHETIC}) = 0"
"""What was in a window when it closed: what came later is in every total, and in no score. A feature that is only
probed is no feature to score."""
_LIVELIEST = (
    f"(SELECT feature FROM windows WHERE {ON_TIME} GROUP BY feature "  # noqa: S608  # our words
    f"ORDER BY uniqExact(window_start) DESC, sum(n) DESC, feature LIMIT {_MOST_FEATURES})"
)


def read_mask_counts(client: Client, start: int, end: int, features: Sequence[str] | None = None) -> MaskCounts:
    """Every window that starts in [start, end), Unix seconds, as it closed; in order of time, feature and stratum.

    Without `features`, of more than 20,000 only those with the most windows and events. Blocking.
    """
    among = _LIVELIEST if features is None else "{features:Array(String)}"
    found = client.query(
        "SELECT toUnixTimestamp(window_start) AS at, toString(feature) AS name, toString(prompt_category) AS stratum, "  # noqa: S608
        f"mask, sum(n) AS total FROM windows WHERE {ON_TIME} AND feature IN {among} "
        "GROUP BY window_start, feature, prompt_category, mask ORDER BY window_start, feature, prompt_category, mask",
        within(start, end) | ({} if features is None else {"features": list(features)}),
        column_oriented=True,
    )
    return as_counts(found.result_columns)


def as_counts(columns: Sequence[Any] | None) -> MaskCounts:
    """A query's columns: Unix time, name, stratum, mask, how many; None or nothing for no rows."""
    at, name, stratum, mask, n = columns or ((), (), (), (), ())
    return MaskCounts(
        np.asarray(at, dtype=np.int64),
        np.asarray(name, dtype=np.object_),
        np.asarray(stratum, dtype=np.object_),
        np.asarray(mask, dtype=np.uint64),
        np.asarray(n, dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class Lively:
    """A feature that was seen: where its first and its last window start (Unix seconds), and how many events."""

    feature: str
    first: int
    last: int
    events: int


def read_lively(client: Client, start: int, end: int) -> list[Lively]:
    """The features with windows in [start, end), Unix seconds, as they closed, the liveliest first. Blocking."""
    found = client.query(
        "SELECT toString(feature), toUnixTimestamp(min(window_start)), toUnixTimestamp(max(window_start)), "  # noqa: S608
        f"sum(n) AS events FROM windows WHERE {ON_TIME} GROUP BY feature "
        f"ORDER BY uniqExact(window_start) DESC, events DESC, feature LIMIT {_MOST_FEATURES}",
        within(start, end),
    )
    return [Lively(row[0], int(row[1]), int(row[2]), int(row[3])) for row in found.result_rows]


def within(start: int, end: int) -> dict[str, Any]:
    """The parameters of ON_TIME, from Unix seconds."""
    return {"start": datetime.fromtimestamp(start, UTC), "end": datetime.fromtimestamp(end, UTC)}


def audit_errors(client: Client, since: datetime) -> int:
    """How many partitions have a gap or an overlap between claims written since then. Blocking.

    Neighbours are compared, because in sums a gap and an overlap of one size cancel.
    """
    found = client.query(
        "SELECT uniqExact(topic, partition) FROM (SELECT topic, partition, offset_from, "
        "lagInFrame(offset_to, 1, offset_from - 1) OVER (PARTITION BY topic, partition ORDER BY offset_from, offset_to "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before FROM windows WHERE row_kind = 'range' "
        "AND window_start >= {since:DateTime('UTC')} AND offset_to >= offset_from) WHERE offset_from != before + 1",
        {"since": since},
    )
    return int(found.result_rows[0][0])
