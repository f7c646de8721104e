"""Files of windows for tests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from monitor.backtest.files import FileSource
from monitor.backtest.history import History

START = 1_790_000_000 // 604_800 * 604_800
HEADER = "ts,feature,kpi,evaluated,bad"


def csv_of(folder: Path, *lines: str, header: str = HEADER, name: str = "w.csv") -> Path:
    """A CSV file of these lines."""
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def histories(path: Path, seconds: int | None = 10, renamed: Mapping[str, str] | None = None) -> list[History]:
    """The histories of a file of rates, by name of the feature."""
    source = FileSource(path, seconds, renamed or {})
    found = [source.read(task) for task in source.tasks]
    return [one for one in found if isinstance(one, History)]


def counts(seed: int, windows: int, seconds: int, ratios: Sequence[tuple[int, int, float]] = ()) -> np.ndarray:
    """Evaluated and bad, shape (2, windows): 2 % of 1200 a minute, times a ratio from one index to another."""
    chance = np.random.default_rng(seed)
    rate = np.full(windows, 0.02)
    for first, end, ratio in ratios:
        rate[first:end] *= ratio
    n = chance.poisson(20.0 * seconds, windows)
    return np.array([n, chance.binomial(n, rate)])


def table_of(series: Mapping[tuple[str, str], np.ndarray], seconds: int, start: int = START) -> pa.Table:
    """A table of ISO times, features, KPIs and counts, in order of time."""
    rows = {name: [] for name in HEADER.split(",")}  # type: dict[str, list[object]]
    for (feature, kpi), (evaluated, bad) in series.items():
        for i, (n, k) in enumerate(zip(evaluated.tolist(), bad.tolist(), strict=True)):
            at = datetime.fromtimestamp(start + i * seconds, UTC).isoformat()
            for name, cell in zip(rows, (at, feature, kpi, n, k), strict=True):
                rows[name].append(cell)
    return pa.table(rows)


def written(folder: Path, table: pa.Table, name: str) -> Path:
    """The table as CSV or Parquet, as the name says."""
    path = folder / name
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)
    return path
