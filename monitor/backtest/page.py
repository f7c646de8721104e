"""A page that a policy would have sent, as a row of NDJSON."""

import json
from dataclasses import dataclass
from typing import Literal

from monitor.moments import rfc3339

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Page:
    """Times are Unix seconds. `interval` holds the observed rate 99 times of 100; for values it is what was expected.

    `resolved_at` is None where the incident lasts to the end of the history, `evaluated` and `bad` for values.
    """

    feature: str
    kpi: str
    onset: int
    detected_at: int
    resolved_at: int | None
    direction: Direction
    observed: float
    expected: float
    interval: tuple[float, float]
    log_e: float
    evaluated: int | None = None
    bad: int | None = None

    @property
    def key(self) -> tuple[int, str, str]:
        """Pages are listed in this order."""
        return self.detected_at, self.feature, self.kpi


def line(page: Page) -> str:
    """The page as one line of JSON, without its end."""
    return json.dumps(
        {
            "feature": page.feature,
            "kpi": page.kpi,
            "onset": rfc3339(page.onset),
            "detected_at": rfc3339(page.detected_at),
            "resolved_at": None if page.resolved_at is None else rfc3339(page.resolved_at),
            "direction": page.direction,
            "observed": _short(page.observed),
            "expected": _short(page.expected),
            "interval": [_short(end) for end in page.interval],
            "log_e": _short(page.log_e),
            "evaluated": page.evaluated,
            "bad": page.bad,
        }
    )


def _short(number: float) -> float:
    return float(f"{number:.6g}")
