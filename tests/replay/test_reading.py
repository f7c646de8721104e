import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from monitor.errors import UserError
from monitor.replay.reading import open_source
from monitor.replay.rows import BLOCK, Refused, Row


def rows(path: Path) -> list[Row]:
    source = open_source(path)
    found = [row for block in source.blocks() for row in block]
    assert len(found) == source.rows
    return found


@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl.gz"])
def test_ndjson(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = b'{"a": 1}\n\n[1]\n{"a": \n{"b": NaN}\n\xff\n' + b"[" * 100_000 + b"\n"
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = rows(path)
    assert found[0] == {"a": 1}
    assert [row for row in found if isinstance(row, Refused)] == [
        Refused("not_object"), Refused("not_json"), Refused("not_utf8"), Refused("too_deep"),
    ]  # fmt: skip
    assert open_source(path).columns == ("a", "b")


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress('\ufeffa,b\r\n1,"x, ""y""\nz"\r\n\r\n2\r\n,é\r\n'.encode()))
    assert rows(path) == [{"a": "1", "b": 'x, "y"\nz'}, Refused("wrong_number_of_cells"), {"a": "", "b": "é"}]


def test_blocks_are_bounded_in_every_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": range(BLOCK * 2 + 1)})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.ndjson", orient="records", lines=True)
    for name in ("a.parquet", "a.csv", "a.ndjson"):
        source = open_source(tmp_path / name)
        assert [len(block) for block in source.blocks(["n"])] == [BLOCK, BLOCK, 1]
        assert source.rows == BLOCK * 2 + 1


def test_parquet_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moment = pd.Timestamp("2026-01-02 03:04:05.123456789")
    frame = pd.DataFrame(
        {"t": [moment], "s": [{"x": 1}], "c": pd.Categorical(["k"]), "n": pd.array([None], "Int64"), "b": [b"text"]}
    )
    frame.astype({"t": "datetime64[ns]"}).to_parquet(path)
    (row,) = rows(path)
    assert row == {"t": moment.floor("us").to_pydatetime(), "s": {"x": 1}, "c": "k", "n": None, "b": "text"}
    assert [len(block) for block in open_source(path).blocks([])] == [1]


def test_a_parquet_file_that_is_damaged_inside_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"n": range(1000)}).to_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 200 + whole[204:])
    with pytest.raises(UserError, match=r"a\.parquet cannot be read after row 0"):
        list(open_source(path).blocks())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"x", "must end in one of .parquet"),
        ("a.parquet", b"not parquet", "not a Parquet file"),
        ("a.csv", b"a,b\n", "has no rows"),
        ("a.csv", b"a,a\n1,2\n", "two columns named 'a'"),
        ("a.csv", b'a,b\n1,"2\n', "line 2"),
        ("a.csv", b"a,b\n1,\xff\n", "not UTF-8"),
        ("a.csv.gz", b"a,b\n1,2\n", "not gzip"),
        ("a.ndjson", b"", "has no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        open_source(tmp_path / name)
    assert said in str(error.value)


def test_progress_is_told_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(2500)))
    told: list[int] = []
    open_source(path, tick=told.append)
    assert sum(told) == path.stat().st_size
    with pytest.raises(UserError, match="there is no file"):
        open_source(tmp_path / "b.ndjson")
