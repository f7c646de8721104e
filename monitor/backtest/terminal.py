"""A view as plain characters, 80 by 24: the rate above, the evidence below."""

import numpy as np

from detectors.base import Floats
from monitor.backtest.view import View, highest_evidence
from monitor.moments import rfc3339

WIDTH, HEIGHT = 80, 24
_MARGIN = 10
COLUMNS = WIDTH - _MARGIN
"""Bins that fit into the picture."""
_RATE_ROWS, _EVIDENCE_ROWS = 11, 6


def picture(shown: View, changes: list[str]) -> str:
    """24 lines at most of 80 characters at most."""
    lines = [_cut(f"{shown.feature} {shown.kpi}: rate per {_length(shown)}   * observed  - expected  : 99 % band")]
    lines += _rate(shown)
    lines.append(_cut("evidence in nats   # statistic  = threshold  ! incident open"))
    lines += _evidence(shown)
    lines += [_marks(shown), _axis(shown)]
    room = HEIGHT - len(lines)
    lines += [_cut(f"change: {change}") for change in changes[:room]]
    return "\n".join(line.rstrip() for line in lines)


def _rate(shown: View) -> list[str]:
    every = np.concatenate([shown.observed, shown.high, shown.low, shown.expected])
    low, high = _range(every)
    grid = _empty(_RATE_ROWS, len(shown.times))
    for column in range(len(shown.times)):
        bottom, top = (_row(end[column], low, high, _RATE_ROWS) for end in (shown.low, shown.high))
        if bottom is not None and top is not None:
            for inside in range(bottom, top + 1):
                grid[inside][column] = ":"
        for value, sign in ((shown.expected[column], "-"), (shown.observed[column], "*")):
            if (row := _row(value, low, high, _RATE_ROWS)) is not None:
                grid[row][column] = sign
    return _labelled(grid, [f"{low:.3%}", f"{high:.3%}"])


def _evidence(shown: View) -> list[str]:
    low, high = 0.0, highest_evidence(shown)
    grid = _empty(_EVIDENCE_ROWS, len(shown.times))
    for column in range(len(shown.times)):
        if (row := _row(shown.threshold[column], low, high, _EVIDENCE_ROWS)) is not None:
            grid[row][column] = "="
        top = _row(min(max(shown.log_e[column], low), high), low, high, _EVIDENCE_ROWS)
        for filled in range(0 if top is None else top + 1):
            if grid[filled][column] != "=":
                grid[filled][column] = "!" if shown.open[column] else "#"
    return _labelled(grid, [f"{low:.1f}", f"{high:.1f}"])


def _marks(shown: View) -> str:
    signs = [" "] * len(shown.times)
    for mark in shown.marks:
        for place, sign in ((mark.closed, "E"), (mark.onset, "<"), (mark.opened, "P")):
            if place is not None:
                signs[place] = sign
    return _cut("< since".ljust(_MARGIN) + "".join(signs)) if shown.marks else ""


def _axis(shown: View) -> str:
    if len(shown.times) == 0:
        return "nothing was seen there"
    first, last = rfc3339(int(shown.times[0])), rfc3339(int(shown.times[-1]))
    legend = "P page, E end" if shown.marks else "no page"
    return _cut(f"{'':{_MARGIN}}{first}{legend:^{max(len(shown.times) - 40, 15)}}{last}")


def _length(shown: View) -> str:
    seconds = shown.seconds * shown.windows
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _empty(rows: int, columns: int) -> list[list[str]]:
    return [[" "] * columns for _ in range(rows)]


def _labelled(grid: list[list[str]], ends: list[str]) -> list[str]:
    labels = {0: ends[0], len(grid) - 1: ends[1]}
    return [f"{labels.get(row, ''):>{_MARGIN - 1}}|{''.join(grid[row])}" for row in reversed(range(len(grid)))]


def _range(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low, low + 1.0)


def _row(value: float, low: float, high: float, rows: int) -> int | None:
    """The row of a value, 0 being the lowest; None for NaN."""
    return round((value - low) / (high - low) * (rows - 1)) if np.isfinite(value) else None


def _cut(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:WIDTH]
