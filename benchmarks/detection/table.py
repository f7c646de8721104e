"""The peers beside the oracle and ours on the same streams: as shipped, and tuned to one false page a week."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.detection.bench import Bench, pages_row
from benchmarks.detection.oracle import Oracle
from benchmarks.detection.peers import BY_NAME, PEERS, Alarms, Learned, Peer, learned_from
from benchmarks.detection.plan import HEADLINE
from benchmarks.detection.ratios import ENOUGH, geometric
from benchmarks.detection.series import DROPPED, delay
from benchmarks.detection.worlds import DAY, WEEK, WINDOW_SECONDS, Cell, Stream, World, any_start
from detectors.learning import learn
from detectors.mixture import run

OURS, ORACLE, TUNED, SHIPPED = "ours", "oracle", "tuned", "shipped"
_TUNING, _MEASURING = 41, 42
_BISECTIONS = 12
Pager = Callable[[Stream], Alarms]


@dataclass(frozen=True, slots=True)
class TuneTask:
    """One peer at one cell."""

    peer: str
    cell: Cell
    weeks: int
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PeerTask:
    """One series at one cell: `parameters` of the tuned peers, `limits` of the oracles by change."""

    cell: Cell
    parameters: Mapping[str, float]
    limits: Mapping[str, float]
    seed: tuple[int, ...]


@dataclass(slots=True)
class PeerFound:
    """By pager: false pages in a week; by change and pager: seconds, None where it was paging at the onset."""

    task: PeerTask
    pages: dict[str, int] = field(default_factory=dict)
    delays: dict[str, dict[str, float | None]] = field(default_factory=dict)


def tune_peer(task: TuneTask) -> float:
    """The most eager parameter with at most one page a week on these unchanged weeks, by bisection."""
    chance = np.random.default_rng(task.seed)
    world, peer = World(task.cell), BY_NAME[task.peer]
    weeks: list[tuple[Stream, Learned]] = []
    for _ in range(task.weeks):
        past = world.stream(any_start(chance), WEEK, chance)
        weeks.append((world.stream(any_start(chance), WEEK, chance), learned_from(past)))
    eager, calm = (peer.low, peer.high) if peer.rising else (peer.high, peer.low)
    for _ in range(_BISECTIONS):
        middle = math.sqrt(eager * calm)
        if sum(len(peer.pages(stream, learned, middle).opened) for stream, learned in weeks) > task.weeks:
            eager = middle
        else:
            calm = middle
    return calm


def measure_peers(task: PeerTask) -> PeerFound:
    """A week to learn, a week without a change, then each change once."""
    chance = np.random.default_rng(task.seed)
    world = World(task.cell)
    past = world.stream(any_start(chance), WEEK, chance)
    pagers = _pagers(task, past)
    found = PeerFound(task)
    null = world.stream(any_start(chance), WEEK, chance)
    found.pages = {name: len(pager(null).opened) for name, pager in pagers.items()}
    for change in HEADLINE:
        stream = world.stream(any_start(chance), 2 * DAY, chance, change, DAY)
        row: dict[str, float | None] = {name: _waited(pager(stream)) for name, pager in pagers.items()}
        pages = Oracle(world, change, task.limits[change.name]).pages(stream)
        row[ORACLE] = _waited(Alarms(pages, pages))
        found.delays[change.name] = row
    return found


def _pagers(task: PeerTask, past: Stream) -> dict[str, Pager]:
    baseline = learn(past.start, past.evaluated, past.bad)
    learned = learned_from(past)

    def ours(stream: Stream) -> Alarms:
        watched = run(baseline, stream.start, stream.evaluated, stream.bad)
        return Alarms(watched.opened, watched.closed)

    pagers: dict[str, Pager] = {OURS: ours}
    for peer in PEERS:
        for kind, value in ((SHIPPED, peer.shipped), (TUNED, task.parameters[peer.name])):
            pagers[f"{peer.name}, {kind}"] = _pager(peer, learned, value)
    return pagers


def _pager(peer: Peer, learned: Learned, value: float) -> Pager:
    return lambda stream: peer.pages(stream, learned, value)


def _waited(alarms: Alarms) -> float | None:
    waited = delay(alarms.opened, alarms.closed, DAY, 2 * DAY)
    return None if waited == DROPPED else float(waited * WINDOW_SECONDS)


def peers(bench: Bench) -> dict[str, Any]:
    """By pager: its delay beside the oracle's, what it misses in a day, its false pages, its parameters by cell."""
    plan = bench.plan
    limits = bench.limits(HEADLINE, WEEK, plan.peer_cells)
    pairs = [(cell, peer) for cell in plan.peer_cells for peer in PEERS]
    tuning = [
        TuneTask(peer.name, cell, plan.peer_weeks, (bench.seed, _TUNING, place))
        for place, (cell, peer) in enumerate(pairs)
    ]
    values = dict(zip(pairs, bench.workers.each("peers, tuning", tune_peer, tuning), strict=True))
    tasks = [
        PeerTask(
            cell,
            {peer.name: values[cell, peer] for peer in PEERS},
            limits[cell],
            (bench.seed, _MEASURING, place, series),
        )
        for place, cell in enumerate(plan.peer_cells)
        for series in range(plan.peer_changes)
    ]
    found = bench.workers.each("peers", measure_peers, tasks)
    rows = {name: pager_row(found, name) for name in found[0].pages}
    for peer in PEERS:
        parameters = {cell.name: float(f"{values[cell, peer]:.4g}") for cell in plan.peer_cells}
        rows[f"{peer.name}, {TUNED}"][peer.parameter] = parameters
        rows[f"{peer.name}, {SHIPPED}"][peer.parameter] = peer.shipped
    return rows


def pager_row(found: Sequence[PeerFound], name: str) -> dict[str, Any]:
    """A delay of more than a day counts as a day. Cells are those where the oracle needs half a minute."""
    cells: dict[str, dict[str, Any]] = {}
    for cell in dict.fromkeys(one.task.cell for one in found):
        group = [one for one in found if one.task.cell == cell]
        for change in HEADLINE:
            rows = [one.delays[change.name] for one in group]
            cells[f"{cell.name} {change.name}"] = _cell_row(rows, name)
    counted = [row for row in cells.values() if row["oracle_s"] >= ENOUGH and row["ours_s"] is not None]
    pages = sum(one.pages[name] for one in found)
    by_series = sorted(one.pages[name] for one in found)
    return {
        "delay_ratio": _rounded([row["ours_s"] / row["oracle_s"] for row in counted]),
        "cells_counted": len(counted),
        "missed_share": round(
            sum(row["missed"] for row in counted) / max(sum(row["changes"] for row in counted), 1), 3
        ),
        "pages_per_feature_week": pages_row(pages, len(found)),
        "pages_of_median_and_worst_week": [by_series[len(by_series) // 2], by_series[-1]],
        "pages_by_cell": _pages_by_cell(found, name),
        "cells": cells,
    }


def _cell_row(rows: Sequence[Mapping[str, float | None]], name: str) -> dict[str, Any]:
    """Means in seconds over the changes at whose onset this pager was silent."""
    known = [value for row in rows if (value := row[name]) is not None]
    oracle = [value for row in rows if (value := row[ORACLE]) is not None]
    return {
        "ours_s": round(sum(known) / len(known), 1) if known else None,
        "oracle_s": round(sum(oracle) / len(oracle), 1),
        "changes": len(known),
        "dropped": len(rows) - len(known),
        "missed": sum(value > DAY * WINDOW_SECONDS for value in known),
    }


def _pages_by_cell(found: Sequence[PeerFound], name: str) -> dict[str, dict[str, Any]]:
    cells = dict.fromkeys(one.task.cell for one in found)
    groups = {cell: [one.pages[name] for one in found if one.task.cell == cell] for cell in cells}
    return {cell.name: pages_row(sum(pages), len(pages)) for cell, pages in groups.items()}


def _rounded(ratios: Sequence[float]) -> float | None:
    return round(geometric(ratios), 2) if ratios else None
