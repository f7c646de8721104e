import gzip
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from monitor.backtest.files import FileSource
from monitor.errors import UserError
from monitor.policy import Policy, parse_policy
from tests.backtest.tables import HEADER, csv_of, histories, written

T = "2026-11-20T12:00:00Z"


def test_rows_in_any_order_become_windows_and_missing_ones_have_nothing_evaluated(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "1800000030,a,k,7,2", "1800000000,a,k,5,1", "1800000010,a,other,3,0")
    [found] = histories(path)
    assert (found.feature, found.kpis, found.start) == ("a", ("k", "other"), 1_800_000_000)
    assert found.evaluated.tolist() == [[5, 0, 0, 7], [0, 3, 0, 0]]
    assert found.bad.tolist() == [[1, 0, 0, 2], [0, 0, 0, 0]]


def test_rows_of_one_window_are_added_up_and_said(tmp_path: Path) -> None:
    source = FileSource(csv_of(tmp_path, "1800000000,a,k,5,1", "1800000000,a,k,6,2"), 10, {})
    [found] = histories(tmp_path / "w.csv")
    assert (found.evaluated.tolist(), found.bad.tolist()) == ([[11]], [[3]])
    assert any("1 rows repeat a window" in note for note in source.notes)


def test_strata_are_added_up_and_kept(tmp_path: Path) -> None:
    path = csv_of(
        tmp_path,
        "1800000000,a,k,5,1,code",
        "1800000000,a,k,6,2,",
        "1800000010,a,k,4,0,code",
        header=f"{HEADER},stratum",
    )
    [found] = histories(path)
    assert found.evaluated.tolist() == [[11, 4]]
    assert found.strata is not None
    assert found.strata.names == ("", "code")
    assert found.strata.evaluated.tolist() == [[[6, 0], [5, 4]]]
    assert found.strata.bad.tolist() == [[[2, 0], [1, 0]]]
    notes = FileSource(path, 10, {}).notes
    assert any("a change of the mix of 2 strata is adjusted for" in note for note in notes)
    assert not any("repeat" in note for note in notes)


def test_only_a_kpi_with_more_than_one_stratum_is_kept_by_stratum(tmp_path: Path) -> None:
    lines = ("1800000000,a,k,5,1,y", "1800000000,a,k,6,2,x", "1800000010,a,l,4,0,z", "1800000010,b,k,3,1,w")
    path = csv_of(tmp_path, *lines, header=f"{HEADER},stratum")
    mixed, plain = histories(path)
    assert mixed.strata is not None
    assert mixed.strata.names == ("x", "y")
    assert mixed.strata.evaluated.tolist() == [[[6, 0], [5, 0]], [[0, 0], [0, 0]]]
    assert plain.strata is None
    assert any("mix of 2 strata" in note for note in FileSource(path, 10, {}).notes)


def test_a_number_of_arrivals_has_a_million_evaluated_and_what_has_not_is_said(tmp_path: Path) -> None:
    good = csv_of(tmp_path, "1800000000,a,arrivals,1000000,7", "1800000020,a,arrivals,1000000,0", name="g.csv")
    [found] = histories(good)
    assert found.arrivals == 0
    assert not any("arrivals" in note for note in FileSource(good, 10, {}).notes)
    other = csv_of(tmp_path, "1800000000,a,arrivals,1000000,7", "1800000020,a,arrivals,500,0", name="o.csv")
    [found] = histories(other)
    assert found.arrivals is None
    assert any("1 rows of arrivals have not 1,000,000 evaluated" in note for note in FileSource(other, 10, {}).notes)


def test_below_the_coverage_floor_a_window_is_unknown(tmp_path: Path) -> None:
    lines = ("1800000000,a,k,49,1,100", "1800000010,a,k,50,1,100", "1800000020,a,k,9,1,", "1800000030,a,k,0,0,0")
    [found] = histories(csv_of(tmp_path, *lines, header=f"{HEADER},expected"))
    usual = found.known(Policy(version="t").floors(found.kpis, found.floors))
    assert usual[0].tolist() == [[0, 50, 9, 0]]
    assert usual[1].tolist() == [[0, 1, 1, 0]]
    lower = found.known(Policy(version="t", coverage_floor=0.4).floors(found.kpis, found.floors))
    assert lower[0].tolist() == [[49, 50, 9, 0]]
    own = parse_policy("version: t\ncoverage_floor: 0.4\nkpis: {k: {coverage_floor: 0.6}}", "p")
    assert found.known(own.floors(found.kpis, found.floors))[0].tolist() == [[0, 0, 9, 0]]


def test_the_kpis_that_a_file_has_of_a_feature_share_its_budget(tmp_path: Path) -> None:
    rows = (f"{1_800_000_000 + 10 * i},{feature},{kpi},50,1" for i in range(9) for feature, kpi in ("ak", "al", "bk"))
    shared = {one.feature: one.sharing for one in histories(csv_of(tmp_path, *rows))}
    assert shared == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("line", "column", "what"),
    [
        (f"{T},a,k,nan,1", "evaluated", "is no count"),
        (f"{T},a,k,,1", "evaluated", "is no count"),
        (f"{T},a,k,inf,1", "evaluated", "is no count"),
        (f"{T},a,k,-5,1", "evaluated", "is negative"),
        (f"{T},a,k,5,-1", "bad", "is negative"),
        (f"{T},a,k,5.5,1", "evaluated", "whole number"),
        (f"{T},a,k,five,1", "evaluated", "is no number"),
        (f"{T},a,k,5,6", "bad", "more than evaluated"),
        (f"{T},,k,5,1", "feature", "is empty"),
        (f"{T},a,,5,1", "kpi", "is empty"),
        (",a,k,5,1", "ts", "is empty"),
        ("noon,a,k,5,1", "ts", "is no time"),
        ("1800000000000,a,k,5,1", "ts", "milliseconds"),
        ("-1,a,k,5,1", "ts", "before 1970"),
        ("nan,a,k,5,1", "ts", "before 1970 or is no number"),
    ],
)
def test_an_error_names_the_row_and_the_column(tmp_path: Path, line: str, column: str, what: str) -> None:
    path = csv_of(tmp_path, f"{T},a,k,5,1", line)
    with pytest.raises(UserError, match=rf"w\.csv, row 2, column {column}: .*{what}"):
        FileSource(path, 10, {})


def test_a_row_is_counted_over_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.backtest.batches._BLOCK_BYTES", 2000)
    lines = [f"{1_800_000_000 + 10 * i},a,k,5,1" for i in range(1000)]
    lines[776] = "1800007760,a,k,5,9"
    with pytest.raises(UserError, match="row 777, column bad"):
        FileSource(csv_of(tmp_path, *lines), 10, {})


def test_times_in_any_zone_are_one_time_and_without_one_utc(tmp_path: Path) -> None:
    same = ("2026-11-20T12:00:00Z", "2026-11-20T17:45:00+05:45", "2026-11-20 12:00:00", "1795176000", "1795176000.9")
    source = FileSource(csv_of(tmp_path, *(f"{at},a,k,5,1" for at in same)), 10, {})
    [found] = histories(tmp_path / "w.csv")
    assert (found.start, found.evaluated.tolist()) == (1_795_176_000, [[25]])
    assert "1 rows name no time zone; they were taken as UTC" in source.notes


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1_795_176_000_000_000_000], pa.int64()).cast(pa.timestamp("ns")),
        pa.array([datetime(2026, 11, 20, 12, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
        pa.array([datetime(2026, 11, 20, 17, tzinfo=timezone(timedelta(hours=5)))], pa.timestamp("us", "+05:00")),
        pa.array([1_795_176_000], pa.int64()),
        pa.array([1_795_176_000.0], pa.float64()),
        pa.array(["2026-11-20T12:00:00Z"]).dictionary_encode(),
    ],
    ids=["ns", "ms UTC", "us +5", "int", "float", "dictionary"],
)
def test_parquet_has_times_of_its_own(tmp_path: Path, column: pa.Array) -> None:
    one = {
        "feature": ["a"],
        "kpi": pa.array(["k"]).dictionary_encode(),
        "evaluated": [5],
        "bad": pa.array([1], pa.int8()),
    }
    [found] = histories(written(tmp_path, pa.table({"ts": column, **one}), "w.parquet"))
    assert (found.start, found.kpis, found.bad.tolist()) == (1_795_176_000, ("k",), [[1]])


def test_the_window_is_the_smallest_spacing_of_a_series_and_said(tmp_path: Path) -> None:
    lines = [
        f"{1_800_000_000 + at},a,{kpi},5,1" for kpi, at in [("k", 0), ("k", 300), ("k", 900), ("l", 0), ("l", 600)]
    ]
    source = FileSource(csv_of(tmp_path, *lines), None, {})
    assert source.seconds == 300
    assert any(note.startswith("windows of 300 s") for note in source.notes)


def test_uneven_times_need_a_window(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *(f"{1_800_000_000 + at},a,k,5,1" for at in (0, 9, 19, 29, 40)))
    with pytest.raises(UserError, match="smallest spacing is 9 s, the most common 10 s; give the window"):
        FileSource(path, None, {})
    source = FileSource(path, 10, {})
    assert any("3 of 5 rows do not begin at a multiple of 10 s (the first is row 2)" in note for note in source.notes)


def test_a_window_shorter_than_the_rows_are_apart_is_said(tmp_path: Path) -> None:
    lines = [f"{1_800_000_000 + at},a,k,5,1" for at in (900, 600, 0, 300, 1800)]
    path = csv_of(tmp_path, *lines)
    notes = FileSource(path, 10, {}).notes
    assert any("windows are 10 s, but rows follow one another every 300 s" in note for note in notes)
    assert not any("follow" in note for note in FileSource(path, 300, {}).notes)
    assert not any("follow" in note for note in FileSource(path, 600, {}).notes)


def test_windows_may_begin_at_any_second(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *(f"{1_800_000_003 + at},a,k,5,1" for at in (0, 10, 20)))
    [found] = histories(path)
    assert (found.start, found.evaluated.tolist()) == (1_800_000_003, [[5, 5, 5]])


def test_a_time_far_away_is_an_error_that_names_its_row(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "1800000000,a,k,5,1", "1,a,k,5,1")
    with pytest.raises(UserError, match=r"first time, in row 2, to its last, in row 1"):
        FileSource(path, 1, {})


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "1800000000,a,k,5,1", header="timestamp,service,kpi,evaluated,bad")
    with pytest.raises(UserError, match=r"no column 'ts'.*--column ts=NAME"):
        FileSource(path, 10, {})
    [found] = histories(path, renamed={"ts": "timestamp", "feature": "service"})
    assert found.feature == "a"
    with pytest.raises(UserError, match="no column 'time'"):
        FileSource(path, 10, {"ts": "time"})


def test_semicolons_a_byte_order_mark_and_gzip_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER.replace(",", ";") + "\r\n1800000000;a;k;5;1\r\n"
    path = tmp_path / "w.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    [found] = histories(path)
    assert found.evaluated.tolist() == [[5]]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no first line"),
        (HEADER.encode() + b"\n", "no rows"),
        (HEADER.encode() + b"\n1,a,k,5\n", "expected 5 columns, got 4"),
        (HEADER.encode() + b"\n1800000000,\xff\xfe,k,5,1\n", "not UTF-8"),
        (b"ts,ts,kpi\n1,2,3\n", "two columns named 'ts'"),
        (b"2026-11-20T12:00:00Z,a,k,5,1\n", "no first line with the names"),
        (b"1800000000,a,k,5,1\n", "no first line with the names"),
        (b",,\n1,2,3\n", "no first line with the names"),
        (b'{"ts": 1800000000}\n', "is JSON; write it as CSV or Parquet"),
        (b'[{"ts": 1800000000}]\n', "is JSON"),
        (HEADER.encode("utf-16"), "no text in UTF-8"),
    ],
)
def test_a_broken_file_is_a_user_error_without_its_cells(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "w.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=what):
        FileSource(path, 10, {})


def test_no_file_and_no_parquet_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        FileSource(tmp_path / "none.csv", 10, {})
    (tmp_path / "x.parquet").write_bytes(b"PAR1, or not")
    with pytest.raises(UserError, match="not a Parquet file"):
        FileSource(tmp_path / "x.parquet", 10, {})


def test_values_are_series_in_order_with_gaps_as_nan(tmp_path: Path) -> None:
    lines = ("1800000600,a,3.5", "1800000000,a,1.5", "1800000300,a,", "1800000000,b,7", "1800000060,b,8")
    path = csv_of(tmp_path, *lines, header="ts,feature,value")
    source = FileSource(path, None, {})
    read = [source.read(task) for task in source.tasks]
    found = [one for series in read if isinstance(series, list) for one in series]
    assert [(one.feature, one.kpi, one.seconds) for one in found] == [("a", "value", 300), ("b", "value", 60)]
    assert found[0].times.tolist() == [1_800_000_000, 1_800_000_300, 1_800_000_600]
    np.testing.assert_array_equal(found[0].values, [1.5, np.nan, 3.5])


def test_rows_after_the_end_are_left_out(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "1800000000,a,k,5,1", "1800000010,a,k,6,1", "1800000010,b,k,6,1")
    source = FileSource(path, 10, {}, 1_800_000_010)
    assert [(task.feature, task.windows) for task in source.tasks] == [("a", 1)]
    with pytest.raises(UserError, match="no rows before --to"):
        FileSource(path, 10, {}, 1_700_000_000)
