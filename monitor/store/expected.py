"""Expected and arrived interactions per window, for the scorer: the view `completeness`, reading only what it needs."""

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from monitor.store.views import completeness

_LOOK_BACK = timedelta(hours=1)
"""How long before a window the previous heartbeat may lie. After a longer silence its emitter begins anew."""
_QUERY = f"""
SELECT toUnixTimestamp(window_start), toString(feature), expected, arrived
FROM ({
    completeness(
        "ts >= {earliest:DateTime('UTC')} AND ts < {latest:DateTime('UTC')}",
        "window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}",
    )
})
WHERE window_start >= {{start:DateTime('UTC')}} AND window_start < {{end:DateTime('UTC')}}"""  # noqa: S608  # our own


def read_expected(client: Client, start: int, end: int) -> dict[tuple[int, str], tuple[float, float]]:
    """(window start, feature) to (expected, arrived), for windows in [start, end), Unix seconds. Blocking."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    values = {"start": first, "end": last, "earliest": first - _LOOK_BACK, "latest": last + _LOOK_BACK}
    found = client.query(_QUERY, values)
    return {(int(row[0]), row[1]): (float(row[2]), float(row[3])) for row in found.result_rows}
