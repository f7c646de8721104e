"""One series of plain values and one policy: the pages. No I/O."""

from collections.abc import Iterator

import numpy as np

from detectors.values import ValueRun, run_values
from monitor.backtest.history import Values
from monitor.backtest.page import Direction, Page
from monitor.backtest.scoring import Outcome
from monitor.policy import Policy


def score_values(values: Values, policy: Policy, begin: int, sharing: int = 1) -> Outcome:
    """What the policy would have paged of values from `begin`, Unix seconds, on; those before are learned from.

    `sharing` series of the feature share its budget.
    """
    found = Outcome(series=1, windows=len(values.values))
    run = run_values(values.times, values.values, policy.budget_seconds(values.kpi, sharing))
    scored = np.flatnonzero(np.isfinite(run.low) & (values.times >= begin))  # while it warms up, anything may come
    if len(scored) == 0:
        found.cold.append((values.feature, values.kpi))
        return found
    found.watched[values.kpi] += int(values.times[-1] - values.times[scored[0]]) + values.seconds
    for page in _pages(values, run, begin):
        if policy.pages(values.kpi, page.direction, values.feature):
            found.pages.append(page)
        else:
            found.silent[values.kpi] += 1
    return found


def _pages(values: Values, run: ValueRun, begin: int) -> Iterator[Page]:
    for at, up in zip(run.opened.tolist(), run.up.tolist(), strict=True):
        if values.times[at] < begin:
            continue
        closed = run.closed[run.closed > at]
        direction: Direction = "up" if up else "down"
        yield Page(
            feature=values.feature,
            kpi=values.kpi,
            onset=int(values.times[_first_outside(values, run, at)]),
            detected_at=int(values.times[at]) + values.seconds,
            resolved_at=int(values.times[closed[0]]) + values.seconds if len(closed) else None,
            direction=direction,
            observed=float(values.values[at]),
            expected=float(run.expected[at]),
            interval=(float(run.low[at]), float(run.high[at])),
            log_e=float(run.score[at]),
        )


def _first_outside(values: Values, run: ValueRun, at: int) -> int:
    """The first of the values in a row, up to this one, that lie outside what was expected; this one if it does not."""
    first = at
    while first >= 0 and not run.low[first] <= values.values[first] <= run.high[first]:
        first -= 1
    return min(first + 1, at)
