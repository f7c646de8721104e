"""A policy with pools, and windows of small features that share a model, straight into a store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from monitor.policy import SHIPPED_POLICY
from monitor.store.windows import insert_cells
from monitor.windows import DIMENSIONS
from schemas.outcomes import Bit

LOOKED = Bit.INTERACTION | Bit.REFUSAL_EVALUATED
Row = tuple[int, str, str, float, float]
"""Number of the window, feature, model, mean interactions, share refused."""


def with_pools(folder: Path) -> Path:
    """The shipped policy and the one line that turns pools on, as a file."""
    path = folder / "with-pools.yaml"
    path.write_text(SHIPPED_POLICY.read_text() + "pools: {dimensions: [model]}\n")
    return path


def fill(store: Client, start: int, rows: Iterator[Row], seed: int, token: str) -> None:
    """Draw each row's interactions and store them; `start` is when window 0 begins, Unix seconds."""
    chance = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for window, feature, model, mean, rate in rows:
        n = int(chance.poisson(mean))
        bad = int(chance.binomial(n, rate))
        for mask, total in ((LOOKED, n - bad), (LOOKED | Bit.REFUSED, bad)):
            if total == 0:
                continue
            said = {"window_start": start + 10 * window, "feature": feature, "model": model}
            said |= {"mask": mask, "n": total, "weight": total}
            for name, column in columns.items():
                column.append(said.get(name, ""))
    insert_cells(store, "test", columns, "test", token)


def alike(features: int, mean: float, first: int, last: int, rate: Callable[[int], float]) -> Iterator[Row]:
    """So many features of model m-1, each with a rate of its own around that of the window."""
    for window in range(first, last):
        for number in range(features):
            yield window, f"small-{number:02}", "m-1", mean, rate(window) * (0.7 + 0.6 * number / max(features - 1, 1))
