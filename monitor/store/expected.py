"""Expected and arrived interactions per window, for the scorer; the view `completeness` is its definition."""

from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client


def read_expected(client: Client, start: int, end: int) -> dict[tuple[int, str], tuple[float, float]]:
    """(window start, feature) to (expected, arrived), for windows in [start, end), Unix seconds. Blocking."""
    found = client.query(
        "SELECT toUnixTimestamp(window_start), toString(feature), expected, arrived FROM completeness "
        "WHERE window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}",
        {"start": datetime.fromtimestamp(start, UTC), "end": datetime.fromtimestamp(end, UTC)},
    )
    return {(int(row[0]), row[1]): (float(row[2]), float(row[3])) for row in found.result_rows}
