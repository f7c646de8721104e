"""The one place that reads the time; everything else is handed a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns now, aware, in UTC."""

Timer = Callable[[], float]
"""Returns seconds that never go backwards."""


def now() -> datetime:
    """The time of day."""
    return datetime.fromtimestamp(time.time(), UTC)


def monotonic() -> float:
    """Seconds for measuring how long something takes."""
    return time.monotonic()
