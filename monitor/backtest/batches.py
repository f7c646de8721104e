"""Some columns of a CSV or Parquet file, a part of its rows at a time, through pyarrow."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.errors import UserError
from monitor.moments import moment

_BLOCK_BYTES, _BLOCK_ROWS = 16_000_000, 262_144
_HEAD_BYTES = 65_536
_LONG_AGO = 1e6
"""Unix seconds: a lesser number may be the name of a column."""
_CELLS = re.compile(r"Expected \d+ columns, got \d+")


def columns_of(path: Path) -> tuple[str, ...]:
    """The names of its columns. Raises UserError when it is no file that can be read, or two have one name."""
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    names = tuple(_parquet(path).schema_arrow.names) if _is_parquet(path) else tuple(_head(path)[0])
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path.name} has two columns named {twice[0]!r}; rename one")
    return names


def batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Arrow arrays by column, and how many bytes of the file they stand for. Raises UserError.

    Every column of a CSV file comes as text, in which an empty cell is null.
    """
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    found = _parquet_batches(path, columns) if _is_parquet(path) else _csv_batches(path, columns)
    rows = 0
    while True:
        try:
            batch, size = next(found, (None, 0))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UserError(f"{path.name} cannot be read after row {rows:,}: {_reason(error)}") from error
        if batch is None:
            return
        rows += batch.num_rows
        yield dict(zip(batch.schema.names, batch.columns, strict=True)), size


def _csv_batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[Any, int]]:
    import pyarrow as pa  # noqa: PLC0415  # from the extra
    import pyarrow.csv as pa_csv  # noqa: PLC0415  # from the extra

    _, delimiter = _head(path)
    reader = pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    left = path.stat().st_size
    for batch in reader:
        size = min(_BLOCK_BYTES, left)
        left -= size
        yield batch, size


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[Any, int]]:
    file = _parquet(path)
    each = path.stat().st_size / max(int(file.metadata.num_rows), 1)
    for batch in file.iter_batches(batch_size=_BLOCK_ROWS, columns=list(columns)):
        yield batch, int(each * batch.num_rows)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _parquet(path: Path) -> Any:
    try:
        import pyarrow  # noqa: PLC0415  # from the extra
        import pyarrow.parquet  # noqa: PLC0415  # from the extra
    except ImportError as error:
        raise UserError("files need pyarrow: pip install 'vigil[embedded]'") from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise UserError(f"{path.name} is not a Parquet file, or not the whole of one") from error


def _head(path: Path) -> tuple[list[str], str]:
    """The names in the first line, and what stands between them."""
    try:
        import pyarrow as pa  # noqa: PLC0415  # from the extra
    except ImportError as error:
        raise UserError("files need pyarrow: pip install 'vigil[embedded]'") from error
    try:
        with pa.input_stream(str(path)) as stream:
            text = stream.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name} cannot be read: {_reason(error)}") from error
    if "\0" in text:
        raise UserError(f"{path.name} is no text in UTF-8; save it as CSV in UTF-8, or as Parquet")
    line = text.splitlines()[0] if text.strip() else ""
    if line.lstrip().startswith(("{", "[")):
        raise UserError(f"{path.name} is JSON; write it as CSV or Parquet, a window a row")
    delimiter = max(",\t;", key=line.count)
    names = [name.strip() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
    if not any(names) or any(map(_is_time, names)):
        raise UserError(
            f"{path.name} has no first line with the names of its columns; write one, such as ts,feature,..."
        )
    return names, delimiter


def _is_time(name: str) -> bool:
    """Whether it is a cell of a row, and no name."""
    try:
        return moment(name)[0] > _LONG_AGO
    except ValueError:
        return False


def _reason(error: BaseException) -> str:
    """What is wrong, without what stands in the cells."""
    if found := _CELLS.search(str(error)):
        return f"{found[0].lower()}; is a delimiter missing, or one too many?"
    if "UTF8" in str(error):
        return "it is not UTF-8; convert it first"
    return f"{type(error).__name__}; is it CSV or Parquet, and the whole of it?"
