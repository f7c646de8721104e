"""Reading what was deployed."""

from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

HEARD_WITHIN = 60
"""Seconds after a change at which a scorer acts on it; by then its record has come."""


def read_new_baselines(client: Client, start: int, end: int) -> list[tuple[str, int]]:
    """(feature, Unix seconds) of the changes in [start, end) after which normal is learned anew, in order of time.

    The feature is "" where all are meant. Blocking.
    """
    found = client.query(
        "SELECT toString(feature), toUnixTimestamp(ts) AS at FROM changes "
        "WHERE new_baseline AND ts >= {start:DateTime('UTC')} AND ts < {end:DateTime('UTC')} ORDER BY at, feature",
        {"start": datetime.fromtimestamp(start, UTC), "end": datetime.fromtimestamp(end, UTC)},
    )
    return [(row[0], int(row[1])) for row in found.result_rows]
