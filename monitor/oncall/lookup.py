"""Finding incidents in the store: the open ones, those of a feature or a time, or one by the begin of its id."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult

from monitor.errors import UserError

Row = dict[str, Any]
"""A row of a view by column; times are aware, in UTC."""

SHORT = 12
"""Digits of an id that people are shown; two incidents in ten million share them by chance."""
_LEAST = 6
_PREFIX = re.compile(rf"[0-9a-f]{{{_LEAST},32}}")
_CANDIDATES = 5


def read_incidents(client: Client, ended: bool, feature: str | None, since: datetime | None) -> list[Row]:
    """Incidents, the newest onset first: those that go on, or with `ended` all of them.

    `since` leaves out those that had ended by then. Blocking.
    """
    found = client.query(
        "SELECT * FROM incident_list WHERE ({ended:Bool} OR state != 'resolved') "
        "AND ({feature:String} = '' OR feature = {feature:String}) "
        "AND ifNull(resolved_at, toDateTime(4294967295, 'UTC')) >= {since:DateTime('UTC')} "
        "ORDER BY onset DESC, incident_id",
        {"ended": ended, "feature": feature or "", "since": since or datetime.fromtimestamp(0, UTC)},
    )
    return rows_of(found)


def count_quiet(client: Client, feature: str | None) -> int:
    """How many incidents people have resolved while their KPI is not back. Blocking."""
    found = client.query(
        "SELECT count() FROM incident_list WHERE state = 'resolved' AND isNull(recovered_at) "
        "AND ({feature:String} = '' OR feature = {feature:String})",
        {"feature": feature or ""},
    )
    return int(found.result_rows[0][0])


def find_incident(client: Client, prefix: str) -> Row:
    """The incident whose id begins so. Raises UserError where there is none, or several. Blocking."""
    digits = prefix.lower()
    if not _PREFIX.fullmatch(digits):
        raise UserError(f"an incident's id is hexadecimal; give {_LEAST} digits of it or more, as `list` shows them")
    query = (
        "SELECT * FROM incident_list WHERE startsWith(incident_id, {prefix:String}) ORDER BY onset DESC LIMIT {n:UInt8}"
    )
    found = rows_of(client.query(query, {"prefix": digits, "n": _CANDIDATES}))
    if not found:
        raise UserError(f"there is no incident {digits}; `vigil incidents list --all` shows those that there are")
    if len(found) > 1:
        raise UserError(f"several incidents begin with {digits}; give more digits: {_named(found)}")
    return found[0]


def ask(client: Client, query: str, values: Row) -> list[Row]:
    """The rows of a query with parameters. Blocking."""
    return rows_of(client.query(query, values))


def rows_of(result: QueryResult) -> list[Row]:
    """An answer, row by row."""
    return [dict(zip(result.column_names, map(_aware, row), strict=True)) for row in result.result_rows]


def _named(found: Sequence[Row]) -> str:
    return ", ".join(f"{one['incident_id']} ({one['feature']} {one['kpi']})" for one in found)


def _aware(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value
