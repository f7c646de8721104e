from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from monitor.backtest import times as module
from monitor.backtest.cells import Cells
from monitor.backtest.times import times
from monitor.errors import UserError

NOON = 1_795_176_000


def cells(array: pa.Array) -> Cells:
    return Cells("w.csv", "ts", 0, array)


@pytest.mark.parametrize(
    ("column", "zoneless"),
    [
        (["2026-11-20T12:00:00Z", "2026-11-20T17:45:00+05:45", "2026-11-20T12:00:00.999999Z"], 0),
        (["2026-11-20 12:00:00", "2026-11-20T12:00:00", "2026-11-20T12:00:00.5"], 3),
        (["1795176000", "1795176000.9", "1.795176e9"], 0),
    ],
    ids=["zones", "no zones", "numbers"],
)
def test_a_column_written_in_one_way_is_read_at_once_as_it_is_read_cell_by_cell(
    column: Sequence[str], zoneless: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = times(cells(pa.array([*column, " 2026-11-20T12:00:00Z"])))
    assert one_by_one[0].tolist() == [NOON] * 4
    assert one_by_one[1] == zoneless
    monkeypatch.delattr(module, "_cell_by_cell")
    found, without_zone = times(cells(pa.array(column)))
    assert (found.tolist(), without_zone) == ([NOON] * 3, zoneless)
    assert times(cells(pa.array(column).dictionary_encode()))[0].tolist() == [NOON] * 3


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Kathmandu"])
def test_timestamps_of_any_unit_are_seconds(unit: str, zone: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "_cell_by_cell")
    column = pa.array([datetime(2026, 11, 20, 12, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    found, without_zone = times(cells(column.cast(pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit, zone))))
    assert (found.tolist(), without_zone) == ([NOON], 0 if zone else 1)


@pytest.mark.parametrize("column", [["2026-11-20T12:00:00Z", "2026-11-20 12:00:00", "1795176000", "20261120"]])
def test_ways_may_be_mixed(column: Sequence[str]) -> None:
    found, without_zone = times(cells(pa.array(column)))
    assert (found.tolist(), without_zone) == ([NOON, NOON, NOON, 20_261_120], 1)


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (pa.array(["1795176000", "nan"]), "row 2, .*is no number"),
        (pa.array([1.0, np.nan]), "row 2, .*is no number"),
        (pa.array([1, -1]), "row 2, .*before 1970"),
        (pa.array([1, 1_795_176_000_000]), "row 2, .*milliseconds"),
        (pa.array([0, 1 << 62], pa.timestamp("s")), "row 2"),
        (pa.array([1, None]), "row 2, .*is empty"),
        (pa.array(["2026-11-20T12:00:00Z", "2026-13-20T12:00:00Z"]), "row 2, .*is no time"),
    ],
)
def test_one_wrong_cell_is_named(column: pa.Array, what: str) -> None:
    with pytest.raises(UserError, match=what):
        times(cells(column))


def test_a_part_without_rows_has_no_times() -> None:
    assert times(cells(pa.array([], pa.string())))[0].tolist() == []
