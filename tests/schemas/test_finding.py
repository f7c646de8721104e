import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.finding import Score

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)


def score(**fields: Any) -> Score:
    base: dict[str, Any] = {
        "window_start": NOW, "feature": "chat", "kpi": "refusal_rate", "detector": "e/1", "policy_version": "1",
        "evaluated": 10, "bad": 1, "expected_rate": 0.1, "interval_low": 0.0, "interval_high": 0.4, "log_e": 0.5,
        "threshold": 11.0, "coverage": 1.0, "state": "OK",
    }  # fmt: skip
    return Score(**base | fields)


def test_a_score_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        score().bad = 2  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["log_e", "threshold", "coverage", "expected_rate"])
def test_a_score_is_finite(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        score(**{name: value})


@pytest.mark.parametrize(
    "time", [NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=1))), NOW.timestamp(), None]
)
def test_a_score_has_a_time_in_utc(time: Any) -> None:
    with pytest.raises(ValidationError, match="window_start"):
        score(window_start=time)
