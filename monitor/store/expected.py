"""Expected and arrived interactions per window, for the scorer: the view `completeness`, reading only what it needs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from monitor.store.views import completeness
from monitor.windows import COMPLETENESS_SECONDS
from schemas.outcomes import Bit

_LOOK_BACK = timedelta(hours=1)
"""How long before a window the previous heartbeat may lie. After a longer silence its emitter begins anew."""
_FEATURES = "(empty({features:Array(String)}) OR feature IN {features:Array(String)})"
_INSIDE = "window_start >= {start:DateTime('UTC')} AND window_start < {end:DateTime('UTC')}"
_QUERY = f"""
SELECT toUnixTimestamp(window_start), toString(feature), expected, arrived
FROM ({
    completeness(
        f"ts >= {{earliest:DateTime('UTC')}} AND ts < {{latest:DateTime('UTC')}} AND {_FEATURES}",
        f"{_INSIDE} AND bitAnd(mask, {Bit.VERY_LATE}) = 0 AND {_FEATURES}",
        COMPLETENESS_SECONDS,
    )
})
WHERE {_INSIDE}"""  # noqa: S608  # our own


def read_expected(
    client: Client, start: int, end: int, features: Sequence[str] = ()
) -> dict[tuple[int, str], tuple[float, float]]:
    """(window start, feature) to (expected, arrived), for windows in [start, end), Unix seconds. Blocking.

    It looks at the heartbeats of the COMPLETENESS_SECONDS after a window and not at later ones, so that the answer
    does not depend on when it is asked. Without `features`, of all.
    """
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    values = {
        "start": first, "end": last, "features": list(features),
        "earliest": first - _LOOK_BACK, "latest": last + timedelta(seconds=COMPLETENESS_SECONDS),
    }  # fmt: skip
    rows = client.query(_QUERY, values).result_rows
    return {(int(row[0]), row[1]): (float(row[2]), float(row[3])) for row in rows}
