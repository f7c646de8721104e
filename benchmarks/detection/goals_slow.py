"""The goals G5 and G6: a slow ramp, and telemetry that stops arriving."""

from typing import Any

import numpy as np

from benchmarks.detection.bench import Bench, pages_row
from benchmarks.detection.goals_noise import quantiles
from benchmarks.detection.losses import LOSSES, LossTask, measure_loss
from benchmarks.detection.series import Task
from benchmarks.detection.worlds import RAMP, WEEK

_RAMPS, _LOSSES = 31, 32
_G5 = 1.25


def g5(bench: Bench) -> dict[str, Any]:
    """Median delay of a six-hour ramp to twice the rate, beside a detector that knows the ramp's shape."""
    plan = bench.plan
    limits = bench.limits((RAMP,), WEEK, plan.cells)
    tasks = [
        Task(cell, (bench.seed, _RAMPS, place, series), changes=(RAMP,), repeats=plan.ramp_repeats, limits=limits[cell])
        for place, cell in enumerate(plan.cells)
        for series in range(plan.ramp_series)
    ]
    found = bench.series("g5", tasks)
    rows = {}
    for place, cell in enumerate(plan.cells):
        group = [one for one in found if one.task.cell == cell]
        ours, oracle = [one.ours[RAMP.name] for one in group], [one.oracle[RAMP.name] for one in group]
        rows[cell.name] = _medians(ours, oracle, bench.chance(_RAMPS + 10 * place))
    worst = max(rows, key=lambda name: float(rows[name]["ratio"]))
    return {
        "value": rows[worst]["ratio"],
        "goal": _G5,
        "met": bool(rows[worst]["ratio"] <= _G5),
        "interval": rows[worst]["interval"],
        "n": sum(row["changes"] for row in rows.values()),
        "worst": worst,
        "cells": rows,
    }


def _medians(ours: list[list[float]], oracle: list[list[float]], chance: np.random.Generator) -> dict[str, Any]:
    def ratio(chosen: "np.typing.NDArray[np.int64]") -> float:
        a = np.median(np.concatenate([np.array(ours[i]) for i in chosen]))
        return float(a / np.median(np.concatenate([np.array(oracle[i]) for i in chosen])))

    whole = np.arange(len(ours))
    redrawn = [ratio(chance.integers(0, len(ours), len(ours))) for _ in range(500)]
    return {
        "ours_s": float(np.median(np.concatenate([np.array(one) for one in ours]))),
        "oracle_s": float(np.median(np.concatenate([np.array(one) for one in oracle]))),
        "ratio": round(ratio(whole), 3),
        "interval": [round(float(end), 3) for end in np.percentile(redrawn, [2.5, 97.5])],
        "changes": sum(len(one) for one in ours),
        "series": len(ours),
    }


def g6(bench: Bench) -> dict[str, Any]:
    """Median seconds until a loss is found. The value is the worst one's share of its goal."""
    plan = bench.plan
    tasks = [
        LossTask(loss, (bench.seed, _LOSSES, place, series), 1, plan.loss_repeats)
        for place, loss in enumerate(LOSSES)
        for series in range(plan.loss_series)
    ]
    found = bench.workers.each("g6", measure_loss, tasks)
    rows = {}
    for loss in LOSSES:
        group = [one for one in found if one.task.loss == loss]
        pages, weeks = sum(one.pages for one in group), sum(one.task.weeks for one in group)
        row = quantiles([one.delays for one in group], bench.chance(_LOSSES))
        rows[loss.name] = {"goal": loss.goal, "met": row["median_s"] <= loss.goal, **row}
        rows[loss.name]["dropped"] = sum(one.dropped for one in group)
        rows[loss.name]["pages_per_feature_week"] = pages_row(pages, weeks)
    shares = {name: float(row["median_s"] / row["goal"]) for name, row in rows.items()}
    worst = max(shares, key=lambda name: shares[name])
    return {
        "value": round(shares[worst], 3),
        "goal": 1.0,
        "met": all(row["met"] for row in rows.values()),
        "interval": [round(end / rows[worst]["goal"], 3) for end in rows[worst]["interval"]],
        "n": sum(row["changes"] for row in rows.values()),
        "worst": worst,
        "losses": rows,
    }
