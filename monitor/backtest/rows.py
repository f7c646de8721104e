"""All rows of a file as numbers: which series, when, how many; or which series, when, what value."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import Floats
from monitor.backtest.batches import batches, columns_of
from monitor.backtest.cells import Cells, Names, counts, names, numbers
from monitor.backtest.history import Integers
from monitor.backtest.times import times
from monitor.errors import UserError

RATES = ("ts", "feature", "kpi", "evaluated", "bad")
RATES_TOO = ("expected", "stratum")
VALUES = ("ts", "feature", "value")
VALUES_TOO = ("kpi",)
VALUE = "value"
"""The KPI of a series of values that names none."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Parallel columns of shape (rows,), as the file has them; `number` counts its rows from 1, without the header.

    Of rates: `evaluated`, `bad`, and `expected`, which is `evaluated` where the file does not say. Of values: `value`.
    """

    features: list[str]
    kpis: list[str]
    strata: list[str]
    number: Integers
    ts: Integers
    feature: Integers
    kpi: Integers
    stratum: Integers
    numbers: Mapping[str, Floats]
    zoneless: int
    expects: bool
    """Whether the file has a column `expected`."""

    @property
    def are_values(self) -> bool:
        """Whether these are values, and not counts."""
        return "value" in self.numbers

    def before(self, end: int | None) -> "Rows":
        """The rows before a Unix time, all for None. Names without rows stay."""
        if end is None:
            return self
        keep = self.ts < end
        cut = {name: column[keep] for name, column in self.numbers.items()}
        return replace(
            self,
            number=self.number[keep],
            ts=self.ts[keep],
            feature=self.feature[keep],
            kpi=self.kpi[keep],
            stratum=self.stratum[keep],
            numbers=cut,
        )


@dataclass(slots=True)
class _Gathered:
    """What the parts of a file add up to."""

    features: Names
    kpis: Names
    strata: Names
    parts: list[dict[str, Any]]
    rows: int = 0
    zoneless: int = 0


def read_rows(path: Path, renamed: Mapping[str, str], tick: Callable[[int], None]) -> Rows:
    """Read a file; `renamed` has our name of a column to the file's, `tick` is told of bytes read.

    Raises UserError that names the row and the column.
    """
    ours = _chosen(path, columns_of(path), renamed)
    theirs = {name: renamed.get(name, name) for name in ours}
    gathered = _Gathered(Names(), Names(), Names(), [])
    for batch, size in batches(path, list(theirs.values())):
        cells = {
            name: Cells(path.name, column, gathered.rows, batch[column])
            for name, column in theirs.items()
            if column in batch
        }
        _gather(gathered, cells)
        tick(size)
    if not gathered.rows:
        raise UserError(f"{path.name} has no rows")
    whole = {name: np.concatenate([part[name] for part in gathered.parts]) for name in gathered.parts[0]}
    of = {name: whole.pop(name) for name in ("ts", "feature", "kpi", "stratum")}
    listed = (gathered.features.all(), gathered.kpis.all(), gathered.strata.all())
    number = np.arange(1, gathered.rows + 1)
    columns = (number, of["ts"], of["feature"], of["kpi"], of["stratum"])
    return Rows(*listed, *columns, whole, gathered.zoneless, "expected" in ours)


def _chosen(path: Path, present: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
    """Our names of the columns to read. Raises UserError when some are missing."""
    for name, column in renamed.items():
        if name not in {*RATES, *RATES_TOO, *VALUES}:
            raise UserError(f"--column {name}=...: there is no such column of ours; see `vigil backtest --help`")
        if column not in present:
            raise UserError(f"{path.name} has no column {column!r}; it has {', '.join(present)}")

    def has(name: str) -> bool:
        return renamed.get(name, name) in present

    values = has("value") and not (has("evaluated") or has("bad"))
    needed, more = (VALUES, VALUES_TOO) if values else (RATES, RATES_TOO)
    if missing := [name for name in needed if not has(name)]:
        raise UserError(
            f"{path.name} has no column {missing[0]!r}; rates need {', '.join(RATES)}, "
            f"values need {', '.join(VALUES)}. It has {', '.join(present)}; "
            f"tell which is which with --column {missing[0]}=NAME"
        )
    return [*needed, *filter(has, more)]


def _gather(gathered: _Gathered, cells: Mapping[str, Cells]) -> None:
    ts, zoneless = times(cells["ts"])
    part: dict[str, Any] = {"ts": ts, "feature": names(cells["feature"], gathered.features)}
    everywhere = np.zeros(len(ts), dtype=np.int64)
    if "value" in cells:
        part["value"] = numbers(cells["value"])
        cells["value"].refuse(np.isinf(part["value"]), "is infinite; leave it empty where nothing was measured")
        unnamed = everywhere + gathered.kpis.of(VALUE)
        part["kpi"] = names(cells["kpi"], gathered.kpis, VALUE) if "kpi" in cells else unnamed
        part["stratum"] = everywhere
    else:
        part["kpi"] = names(cells["kpi"], gathered.kpis)
        part |= dict(_counted(cells))
        part["stratum"] = names(cells["stratum"], gathered.strata, "") if "stratum" in cells else everywhere
    gathered.parts.append(part)
    gathered.rows += len(ts)
    gathered.zoneless += zoneless


def _counted(cells: Mapping[str, Cells]) -> Iterator[tuple[str, Floats]]:
    evaluated, bad = counts(cells["evaluated"]), counts(cells["bad"])
    cells["bad"].refuse(bad > evaluated, "is more than evaluated; bad events are among those that were evaluated")
    yield from (("evaluated", evaluated), ("bad", bad))
    if "expected" in cells:
        expected = numbers(cells["expected"])
        cells["expected"].refuse(expected < 0.0, "is negative; leave it empty where nobody knows what was expected")
        cells["expected"].refuse(np.isinf(expected), "is infinite; leave it empty where nobody knows")
        yield "expected", np.where(np.isnan(expected), evaluated, expected)
    else:
        yield "expected", evaluated
