"""Rows of a Parquet file, through pyarrow, which only this file needs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from monitor.errors import UserError
from monitor.replay.rows import BLOCK, Row


def shape(path: Path) -> tuple[tuple[str, ...], int]:
    """The columns and the number of rows. Raises UserError."""
    with _opened(path) as file:
        names = tuple(file.schema_arrow.names)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(f"{path.name} has two columns named {twice[0]!r}; rename one")
        return names, int(file.metadata.num_rows)


def blocks(path: Path, columns: Sequence[str] | None) -> Iterator[list[Row]]:
    """All rows in file order, at most BLOCK in a list; only these columns. Raises UserError."""
    with _opened(path) as file:
        batches = file.iter_batches(batch_size=BLOCK, columns=None if columns is None else list(columns))
        number = 0
        while True:
            try:
                batch = next(batches, None)
                cells = [] if batch is None else [_python(column) for column in batch.columns]
            except (ValueError, OSError, OverflowError) as error:  # pyarrow's own errors are ValueErrors
                raise UserError(
                    f"{path.name} cannot be read after row {number}: {str(error).splitlines()[0]}"
                ) from error
            if batch is None:
                return
            number += batch.num_rows
            names = batch.schema.names
            if names:
                yield [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
            else:  # a mapping of constants reads no column
                yield [{} for _ in range(batch.num_rows)]


def _opened(path: Path) -> Any:
    try:
        import pyarrow  # noqa: PLC0415  # from the extra
        import pyarrow.parquet  # noqa: PLC0415  # from the extra
    except ImportError as error:
        raise UserError("Parquet needs pyarrow: pip install 'vigil[embedded]', or convert the file to CSV") from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise UserError(f"{path.name} is not a Parquet file, or not the whole of one") from error


def _python(column: Any) -> list[object]:
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's datetime has no nanoseconds: cut them, as the contracts do.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    elif pa.types.is_binary(column.type):  # how some writers store text
        try:
            column = column.cast(pa.string())
        except pa.ArrowInvalid:
            return list(column.to_pylist())  # bytes, which no field takes
    return list(column.to_pylist())
