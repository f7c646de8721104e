"""The goals G1 to G3: delay beside the optimum, and false pages at a strict budget, without noise.

Every goal returns a plain object with value, goal, met, interval and n.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.detection.bench import Bench, pages_of, pages_row
from benchmarks.detection.oracle import bound
from benchmarks.detection.plan import HEADLINE, STRICT
from benchmarks.detection.ratios import compare, counting, geometric, geometric_mean, mean_interval
from benchmarks.detection.series import Found, Task
from benchmarks.detection.worlds import WEEK, Change

_STEPS, _STRICT_STEPS, _STRICT_NULL = 11, 12, 13
_G1 = {"mean": 1.10, "worst": 1.20}
_G2 = {"mean": 1.10, "worst": 1.25}
_G3 = 1.0
_ENOUGH_WEEKS = 3.0 * STRICT
"""Series-weeks below which no page says nothing: at the goal, three pages would be expected in them."""


def g1(bench: Bench) -> dict[str, Any]:
    """Delays beside the oracle's at one false page per feature-week; environment D, learned baseline."""
    found = _steps(bench, "g1", _STEPS, bench.plan.changes, WEEK, bench.plan.step_weeks)
    pages, weeks = pages_of(found)
    result = _beside_oracle(bench, found, _G1, _STEPS)
    return {**result, "pages_per_feature_week": pages_row(pages, weeks)}


def g2_g3(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same at one page per 1000 feature-weeks, and how many false pages there are at that budget."""
    plan = bench.plan
    changes = tuple(change for change in plan.changes if change in HEADLINE)
    found = _steps(bench, "g2", _STRICT_STEPS, changes, STRICT * WEEK, plan.strict_weeks)
    null = [
        Task(cell, (bench.seed, _STRICT_NULL, place, series), budget=STRICT * WEEK, weeks=plan.strict_weeks)
        for place, cell in enumerate(plan.cells)
        for series in range(plan.null_series)
    ]
    watched = [*found, *bench.series("g3", null)]
    pages, weeks = pages_of(watched)
    row = pages_row(pages, weeks, per=STRICT)
    g3 = {
        "goal": _G3,
        "met": row["value"] <= _G3 if weeks >= _ENOUGH_WEEKS else None,
        **row,
        "n": len(watched),
        "series_that_paged": sum(one.pages > 0 for one in watched),
        "cells": {cell.name: sum(one.pages for one in watched if one.task.cell == cell) for cell in plan.cells},
    }
    return _beside_oracle(bench, found, _G2, _STRICT_STEPS), g3


def _steps(
    bench: Bench, name: str, purpose: int, changes: tuple[Change, ...], budget: float, weeks: int
) -> list[Found]:
    plan = bench.plan
    limits = bench.limits(changes, budget, plan.cells)
    tasks = [
        Task(
            cell,
            (bench.seed, purpose, place, series),
            budget=budget,
            weeks=weeks,
            changes=changes,
            repeats=plan.step_repeats,
            limits=limits[cell],
        )
        for place, cell in enumerate(plan.cells)
        for series in range(plan.step_series)
    ]
    return bench.series(name, tasks)


def _beside_oracle(bench: Bench, found: Sequence[Found], goal: dict[str, float], purpose: int) -> dict[str, Any]:
    """`value_beside_half_budget` is beside an oracle that leaves half its false pages to the other direction."""
    chance = bench.chance(purpose)
    compared = compare(found)
    counted = counting(compared, HEADLINE)
    worst = max(counted, key=lambda one: one.ratio())
    value = geometric_mean(counted)
    budget = found[0].task.budget
    halved = [bound(one.cell, one.change, 2 * budget) / bound(one.cell, one.change, budget) for one in counted]
    return {
        "value": round(value, 3),
        "goal": goal["mean"],
        "met": value <= goal["mean"] and worst.ratio() <= goal["worst"],
        "interval": [round(end, 3) for end in mean_interval(counted, chance)],
        "value_beside_half_budget": round(value / geometric(halved), 3),
        "n": int(sum(one.counts.sum() for one in counted)),
        "cells_counted": len(counted),
        "series": len(found),
        "worst": {"cell": worst.name, "goal": goal["worst"], **worst.row(chance)},
        "dropped": sum(one.dropped for one in found),
        "cells": {one.name: one.row(chance) for one in compared},
    }
