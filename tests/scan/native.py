"""Native blocks, read back by ClickHouse's own client; and values without what the store cannot tell from nothing."""

import json
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.transform import NativeTransform
from pydantic import BaseModel

from monitor.tally import Pending

_FLOATS = ("quality", "score", "latency_ms")


class _Source:
    """What the client reads an answer from."""

    def __init__(self, block: bytes) -> None:
        self.gen = iter([block])

    def close(self) -> None:
        """Nothing is open."""


def rows_of(block: bytes) -> list[dict[str, Any]]:
    """The rows of a block, floats as floats."""
    found = NativeTransform.parse_response(RespBuffCls(_Source(block)))  # type: ignore[no-untyped-call]  # a client's inner part
    return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]  # type: ignore[union-attr]


def stored(pending: Pending, table: str = "telemetry") -> list[dict[str, Any]]:
    """What a flush will store in a table, in either form, by offset."""
    rows = [row for block in pending.blocks.get(table, ()) for row in rows_of(block)]
    for block in pending.lines.get(table, ()):
        read = [json.loads(line) for line in block.splitlines()]
        rows += [row | {"ts": datetime.fromisoformat(row["ts"])} for row in read]
    return sorted(rows, key=lambda row: int(row["offset"]))


def told(value: Any, name: str = "") -> Any:
    """A model or a row as what it tells: without null, "", empty lists and empty objects."""
    if isinstance(value, BaseModel):
        value = {field: getattr(value, field) for field in type(value).model_fields}
    if isinstance(value, dict):
        said = {field: told(one, field) for field, one in value.items()}
        return {field: one for field, one in said.items() if one not in (None, "", [], {})}
    if isinstance(value, (list, tuple)):
        return [told(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return float(value) if name in _FLOATS and value is not None else value
