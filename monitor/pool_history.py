"""The stored windows of a pool: those it learns from, and those that a baseline is to be brought through."""

from collections.abc import Iterator, Sequence

from clickhouse_connect.driver.client import Client

from detectors.base import Floats
from detectors.schedule import HISTORY
from detectors.season import DAY
from monitor.columns import MaskCounts
from monitor.pool_windows import MOST_MEMBERS, PoolWindows, laid_out, still_members
from monitor.store.changes import HEARD_WITHIN, read_new_baselines
from monitor.store.pools import read_member_counts, read_members


def read_pool(
    client: Client, pool: str, members: Sequence[str], span: tuple[int, int], learned: int, floors: Floats
) -> PoolWindows:
    """The windows of a pool's members that start in a span, Unix seconds, if it learned at this time. Blocking.

    `floors`, shape (KPIs,), is the coverage below which a window is unknown. A day is read at a time; bounds memory.
    """
    start, end = span
    marks = read_new_baselines(client, min(start, learned) - HISTORY, end)

    def days() -> Iterator[MaskCounts]:
        for day in range(start, end, DAY):
            counts = read_member_counts(client, pool, members, day, min(day + DAY, end))
            yield counts.only(still_members(counts, marks, learned, HEARD_WITHIN))

    return laid_out(days() if members else (), members, start, end, floors)


def read_pool_to_learn(client: Client, pool: str, start: int, at: int, floors: Floats) -> PoolWindows:
    """The windows in [start, at), Unix seconds, of the features that had the most events there. Blocking."""
    members = read_members(client, pool, start, at, MOST_MEMBERS)
    return read_pool(client, pool, members, (start, at), at, floors)
