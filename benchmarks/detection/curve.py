"""What the picture shows of us: a doubling at 200 events a window, found at budgets from ten pages a week to 1/1000."""

from typing import Any

import numpy as np

from benchmarks.detection.bench import Bench, pages_of, pages_row
from benchmarks.detection.ratios import compare
from benchmarks.detection.series import Task
from benchmarks.detection.worlds import DOUBLED, MIDDLE, WEEK

BUDGETS = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Feature-weeks per false page."""
_CURVE = 51


def curve(bench: Bench) -> list[dict[str, Any]]:
    """Per budget: mean delays in seconds, ours and the oracle's, and our false pages without noise."""
    plan = bench.plan
    rows = []
    for place, budget in enumerate(BUDGETS):
        limits = bench.limits((DOUBLED,), budget * WEEK, (MIDDLE,))[MIDDLE]
        tasks = [
            Task(
                MIDDLE,
                (bench.seed, _CURVE, place, series),
                budget=budget * WEEK,
                weeks=plan.step_weeks,
                changes=(DOUBLED,),
                repeats=plan.step_repeats,
                limits=limits,
            )
            for series in range(plan.step_series)
        ]
        found = bench.series(f"curve, {1 / budget:g} a week", tasks)
        delays: dict[str, Any] = compare(found)[0].row(np.random.default_rng((bench.seed, _CURVE, place)))
        pages = pages_row(*pages_of(found))
        rows.append({"pages_asked_for": 1 / budget, **delays, "pages_per_feature_week": pages})
    return rows
