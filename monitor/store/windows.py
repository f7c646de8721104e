"""The `windows` table: one INSERT claims offset ranges and adds what they hold, or does neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from monitor.columns import MaskCounts
from monitor.windows import DIMENSIONS, CellKey

MAX_ROWS = 1_000_000
"""Beyond this the engine may split an INSERT into several parts, and it would not be atomic."""

_RANGE = (
    "topic", "partition", "offset_from", "offset_to", "watermark", "records", "accepted", "duplicates",
    "dead_letters", "late", "skipped", "ids_from", "ids_split", "split_at",
)  # fmt: skip
_TYPES = {
    "row_kind": "Enum8('range' = 0, 'cell' = 1)",
    "topic": "LowCardinality(String)",
    "partition": "UInt32",
    "offset_from": "Int64",
    "offset_to": "Int64",
    "watermark": "DateTime64(3, 'UTC')",
    "records": "UInt64",
    "accepted": "UInt64",
    "duplicates": "UInt64",
    "dead_letters": "UInt64",
    "late": "UInt64",
    "skipped": "UInt64",
    "ids_from": "Int64",
    "ids_split": "Int64",
    "split_at": "DateTime64(3, 'UTC')",
    "window_start": "DateTime('UTC')",
    **dict.fromkeys(DIMENSIONS, "LowCardinality(String)"),
    "tenant": "String",
    "mask": "UInt64",
    "n": "UInt64",
    "weight": "UInt64",
    "worker": "LowCardinality(String)",
}
COLUMNS = tuple(_TYPES)
_EPOCH = datetime.fromtimestamp(0, UTC)
_BLANK: dict[str, Any] = {
    name: "" if "String" in kind else _EPOCH if "DateTime" in kind else 0 for name, kind in _TYPES.items()
}


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


Flush = Sequence[tuple[Claim, Mapping[CellKey, Sequence[int]]]]
"""Claims, each with the cells it adds."""


def insert_flush(client: Client, flush: Flush, worker: str, token: str, written_at: datetime) -> None:
    """Claim each range and add its cells, all in one step. Blocking.

    A repeat with the same `token` adds nothing: an answer may be lost after the write succeeded.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for claim, cells in flush:
        told = {name: getattr(claim, name) for name in _RANGE}
        _append(columns, {"row_kind": "range", "window_start": written_at} | told, worker)
        where = {name: getattr(claim, name) for name in ("topic", "partition", "offset_from", "offset_to")}
        for (start, cut, mask), (n, weight) in cells.items():
            what = {"window_start": datetime.fromtimestamp(start, UTC), "mask": mask, "n": n, "weight": weight}
            _append(columns, {"row_kind": "cell"} | where | what | dict(zip(DIMENSIONS, cut, strict=True)), worker)
    _insert(client, columns, token)


def insert_cells(client: Client, topic: str, cells: Mapping[str, Sequence[Any]], worker: str, token: str) -> None:
    """Add cells that no Kafka offset stands for, such as simulated history. Blocking."""
    size = len(cells["n"])
    columns: dict[str, list[Any]] = {
        name: list(cells[name]) if name in cells else [_BLANK[name]] * size for name in COLUMNS
    }
    columns["row_kind"], columns["topic"], columns["worker"] = ["cell"] * size, [topic] * size, [worker] * size
    columns["window_start"] = [datetime.fromtimestamp(start, UTC) for start in cells["window_start"]]
    _insert(client, columns, token)


def _append(columns: dict[str, list[Any]], row: Mapping[str, Any], worker: str) -> None:
    for name, column in columns.items():
        column.append(row.get(name, _BLANK[name]))
    columns["worker"][-1] = worker


def _insert(client: Client, columns: Mapping[str, list[Any]], token: str) -> None:
    rows = len(columns["n"])
    if rows > MAX_ROWS:
        raise ValueError(f"{rows} rows in one flush are not atomic; at most {MAX_ROWS} are")
    client.insert(
        "windows",
        list(columns.values()),
        column_names=COLUMNS,
        column_type_names=list(_TYPES.values()),
        column_oriented=True,
        settings={"insert_deduplication_token": token, "insert_deduplicate": 1},
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
    fields = ", ".join(f"argMax({name}, (offset_to, inserted_at))" for name in _RANGE[2:])
    found = client.query(
        f"SELECT topic, partition, {fields} FROM windows "  # noqa: S608  # column names are ours
        "WHERE row_kind = 'range' AND window_start >= {since:DateTime('UTC')} "
        "AND (topic, partition) IN {partitions:Array(Tuple(String, UInt32))} GROUP BY topic, partition",
        {"partitions": list(partitions), "since": since},
    )
    return {(row[0], row[1]): Claim(*row) for row in found.result_rows}


def read_watermarks(client: Client, topic: str, since: datetime) -> dict[int, float]:
    """How far each partition is complete, in Unix seconds, by claims written since then. Blocking."""
    found = client.query(
        "SELECT partition, max(watermark) FROM windows WHERE row_kind = 'range' AND topic = {topic:String} "
        "AND window_start >= {since:DateTime('UTC')} GROUP BY partition",
        {"topic": topic, "since": since},
    )
    return {int(partition): value.timestamp() for partition, value in found.result_rows}


def read_mask_counts(client: Client, start: int, end: int) -> MaskCounts:
    """Every window that starts in [start, end), Unix seconds, in order of time and feature. Blocking."""
    found = client.query(
        "SELECT toUnixTimestamp(window_start) AS at, toString(feature) AS name, mask, sum(n) AS total FROM windows "
        "WHERE row_kind = 'cell' AND window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')} "
        "GROUP BY window_start, feature, mask ORDER BY window_start, feature, mask",
        {"start": datetime.fromtimestamp(start, UTC), "end": datetime.fromtimestamp(end, UTC)},
        column_oriented=True,
    )
    columns = found.result_columns or ((), (), (), ())
    return MaskCounts(
        np.asarray(columns[0], dtype=np.int64),
        list(columns[1]),
        np.asarray(columns[2], dtype=np.uint64),
        np.asarray(columns[3], dtype=np.int64),
    )


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
