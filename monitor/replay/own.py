"""Rows that are already our events: they pass as they are, but for their times."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from monitor.replay.values import BadCellError, micros


class OwnEvents:
    """The mapping of a file that needs none. `heartbeats` tells whether it brings its own."""

    delimiter: str | None = None

    def __init__(self) -> None:
        self.unlisted: dict[str, Counter[str]] = {}
        self.heartbeats = False
        self._retimed = False

    def time(self, row: dict[str, object]) -> int:
        """The event's time in microseconds since 1970. Raises BadCellError."""
        if row.get("kind") == "heartbeat":
            self.heartbeats = True
        if not isinstance(row.get("ts"), str):
            raise BadCellError("missing_field" if row.get("ts") is None else "bad_time", "ts")
        return micros(row["ts"])

    def event(self, row: dict[str, object], default_id: str) -> dict[str, Any]:
        """The event itself. Raises BadCellError for a heartbeat, when its count is of other times."""
        if self._retimed and row.get("kind") == "heartbeat":
            raise BadCellError("heartbeat_of_other_times")
        return dict(row)

    def time_columns(self) -> list[str]:
        """The column that `time` reads."""
        return ["ts"]

    def bind(self, columns: Sequence[str], retimed: bool) -> list[str]:
        """All columns: the contract decides what may be among them."""
        self._retimed = retimed
        return list(columns)
