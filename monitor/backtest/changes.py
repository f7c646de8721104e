"""What was deployed around a moment, from the store."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from alerts.queries import load
from monitor.errors import UserError
from monitor.moments import rfc3339


@dataclass(frozen=True, slots=True)
class Deployed:
    """Something changed at this Unix time."""

    at: int
    what: str

    @property
    def line(self) -> str:
        """Time and change."""
        return f"{rfc3339(self.at)} {self.what}"


def read_changes(client: Client, feature: str, start: int, end: int) -> list[Deployed]:
    """What was announced or observed in [start, end), Unix seconds, in order of time. Raises UserError. Blocking."""
    values = {
        "feature": feature,
        "at": datetime.fromtimestamp(end, UTC),
        "lookback_minutes": -(-(end - start) // 60),
    }
    try:
        answer = client.query(load("what_changed").text, values)
    except ClickHouseError as error:
        raise UserError("the store does not say what changed; is it migrated? `vigil migrate` does it") from error
    rows = (dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows)
    found = [Deployed(_unix(row["moment"]), _what(row)) for row in rows]
    return sorted((one for one in found if start <= one.at < end), key=lambda one: one.at)


def _what(row: dict[str, Any]) -> str:
    versions = " to ".join(str(row[name]) for name in ("from_version", "to_version") if row[name])
    return " ".join(word for word in (str(row["what"]), str(row["subject"]), versions, f"({row['source']})") if word)


def _unix(moment: datetime) -> int:
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
