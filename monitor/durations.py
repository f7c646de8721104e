"""Lengths of time and budgets of pages as people write them: 10s, 5m, 1/week, 1/1000 weeks."""

import re

from monitor.errors import UserError

_UNITS = {
    "s": 1, "sec": 1, "second": 1,
    "m": 60, "min": 60, "minute": 60,
    "h": 3600, "hour": 3600,
    "d": 86_400, "day": 86_400,
    "w": 604_800, "week": 604_800,
}  # fmt: skip
_NUMBER = r"\d[\d_]*(?:\.\d+)?"
_DURATION = re.compile(rf"({_NUMBER})\s*([a-z]+)")
_BUDGET = re.compile(rf"({_NUMBER})\s*/\s*({_NUMBER})?\s*([a-z]+)")


def seconds_of(text: str) -> int:
    """`10s`, `5m`, `1 hour` in whole seconds. Raises UserError for anything else, and for less than one second."""
    found = _DURATION.fullmatch(text.strip().lower())
    unit = _unit(found[2]) if found else None
    if found is None or unit is None:
        raise UserError(f"{text!r} is no length of time; write 10s, 5m, 1h, 1d or 1w")
    seconds = float(found[1]) * unit
    if seconds < 1 or seconds != int(seconds):
        raise UserError(f"{text!r} is not a whole number of seconds; windows and spans are")
    return int(seconds)


def budget_of(text: str) -> float:
    """`1/week`, `2/day`, `1/1000 weeks`: seconds between two false pages. Raises UserError."""
    found = _BUDGET.fullmatch(text.strip().lower())
    unit = _unit(found[3]) if found else None
    if found is None or unit is None:
        raise UserError(f"{text!r} is no budget; write pages per time, such as 1/week, 2/day or 1/1000 weeks")
    pages, times = float(found[1]), float(found[2] or 1)
    if pages <= 0.0 or times <= 0.0:
        raise UserError(f"{text!r} is no budget: both numbers must be above 0; to mute a KPI say `pages: false`")
    return times * unit / pages


def _unit(word: str) -> int | None:
    return _UNITS.get(word) or (_UNITS.get(word[:-1]) if word.endswith("s") else None)
