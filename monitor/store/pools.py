"""Reading the windows of pools: the cells of all features that share a value, with the features as strata.

Events whose value nobody said, or that was folded into `other`, are in no pool.
"""

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from detectors.season import DAY
from monitor.columns import MaskCounts
from monitor.store.windows import ON_TIME, Lively, as_counts, within
from monitor.windows import DIMENSIONS, OTHER
from schemas.pools import PREFIX, pool_of

_LEARNED_BEFORE = 2 * DAY
"""Seconds that the history of a baseline in force may begin earlier than the week before now."""
_MOST_VALUES = 1000
"""Values of a dimension that are read at once at most: many times the pools that are scored."""


def read_pool_counts(client: Client, dimensions: Sequence[str], start: int, end: int) -> MaskCounts:
    """Every window in [start, end), Unix seconds, of the pools by these dimensions, as it closed. Blocking."""
    parts = [
        f"SELECT toUnixTimestamp(window_start), {_name(one)}, toString(feature), mask, sum(n) FROM windows "  # noqa: S608
        f"WHERE {_said(one)} AND {one} IN ({_liveliest(one)}) GROUP BY window_start, {one}, feature, mask"
        for one in map(_checked, dimensions)
    ]
    if not parts:
        return as_counts(None)
    found = client.query(" UNION ALL ".join(parts), within(start, end), column_oriented=True)
    return as_counts(found.result_columns)


def read_lively_pools(client: Client, dimensions: Sequence[str], start: int, end: int) -> list[Lively]:
    """The pools with windows in [start, end), Unix seconds, the liveliest first. Blocking.

    Those of one feature are left out, if there was one alone in the history of the baseline in force, too.
    """
    since = "toDateTime({since:UInt32}, 'UTC')"
    parts = [
        f"SELECT {_name(one)} AS pool, toUnixTimestamp(minIf(window_start, window_start >= {since})) AS first, "  # noqa: S608
        f"toUnixTimestamp(max(window_start)) AS last, sumIf(n, window_start >= {since}) AS events "
        f"FROM windows WHERE {_said(one)} GROUP BY {one} HAVING uniqExact(feature) > 1 AND events > 0 "
        f"ORDER BY uniqExactIf(window_start, window_start >= {since}) DESC, events DESC, pool LIMIT {_MOST_VALUES}"
        for one in map(_checked, dimensions)
    ]
    values = within(start - _LEARNED_BEFORE, end) | {"since": start}
    rows = [row for part in parts for row in client.query(part, values).result_rows]
    return [Lively(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]


def read_members(client: Client, pool: str, start: int, end: int, most: int) -> list[str]:
    """The features of a pool with the most events in [start, end), Unix seconds, at most so many. Blocking."""
    dimension, value = pool_of(pool)
    found = client.query(
        f"SELECT toString(feature) AS name FROM windows WHERE {ON_TIME} AND {_checked(dimension)} = {{value:String}} "  # noqa: S608
        f"GROUP BY feature ORDER BY sum(n) DESC, name LIMIT {most}",
        within(start, end) | {"value": value},
    )
    return [row[0] for row in found.result_rows]


def read_member_counts(client: Client, pool: str, members: Sequence[str], start: int, end: int) -> MaskCounts:
    """The windows in [start, end), Unix seconds, of these features of one pool, as they closed. Blocking."""
    dimension, value = pool_of(pool)
    found = client.query(
        f"SELECT toUnixTimestamp(window_start), {_name(dimension)}, toString(feature), mask, sum(n) FROM windows "  # noqa: S608
        f"WHERE {ON_TIME} AND {_checked(dimension)} = {{value:String}} AND feature IN {{members:Array(String)}} "
        f"GROUP BY window_start, {dimension}, feature, mask",
        within(start, end) | {"value": value, "members": list(members)},
        column_oriented=True,
    )
    return as_counts(found.result_columns)


def _checked(dimension: str) -> str:
    """A dimension that may stand in a query's text."""
    if dimension not in DIMENSIONS:
        raise ValueError(f"{dimension} is no dimension of a window")
    return dimension


def _name(dimension: str) -> str:
    return f"concat('{PREFIX}{dimension}=', toString({dimension}))"


def _said(dimension: str) -> str:
    return f"{ON_TIME} AND {dimension} NOT IN ('', '{OTHER}')"


def _liveliest(dimension: str) -> str:
    return (
        f"SELECT {dimension} FROM windows WHERE {_said(dimension)} GROUP BY {dimension} "  # noqa: S608  # our words
        f"ORDER BY uniqExact(window_start) DESC, sum(n) DESC, {dimension} LIMIT {_MOST_VALUES}"
    )
