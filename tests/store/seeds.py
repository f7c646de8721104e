"""Rows for tests that read SQL."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment, in seconds after START."""
    return START + timedelta(seconds=seconds)


def insert(client: Client, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows that name the same columns."""
    rows = list(rows)
    names = list(rows[0])
    client.insert(table, [[row[name] for name in names] for row in rows], column_names=names)


def cell(seconds: float, mask: int, n: int = 1, weight: int | None = None, **cut: str) -> dict[str, Any]:
    """A cell row of `windows`; dimensions that are not given are not said."""
    dimensions = dict.fromkeys(("feature", "model", "release", "region", "tenant", "user_segment"), "")
    return {
        "row_kind": "cell",
        "topic": "ai.telemetry",
        "partition": 0,
        "window_start": at(seconds // 10 * 10),
        "mask": mask,
        "n": n,
        "weight": n if weight is None else weight,
        **dimensions,
        **cut,
    }


def span(partition: int, first: int, last: int, watermark: float = 0.0) -> dict[str, Any]:
    """A range row of `windows`."""
    return {
        "row_kind": "range",
        "topic": "ai.telemetry",
        "partition": partition,
        "offset_from": first,
        "offset_to": last,
        "watermark": at(watermark),
        "window_start": at(0),
    }


def beat(seconds: float, interactions: int, offset: int, emitter: str = "e1", started: float = 0.0) -> dict[str, Any]:
    """A heartbeat of feature `chat`."""
    return {
        "topic": "ai.telemetry",
        "partition": 0,
        "offset": offset,
        "kind": "heartbeat",
        "event_id": f"heartbeat-{offset}",
        "ts": at(seconds),
        "emitter": emitter,
        "started_at": at(started),
        "feature": "chat",
        "interactions": interactions,
    }
