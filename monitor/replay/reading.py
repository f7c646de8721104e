"""Rows from a recorded file, a block at a time: NDJSON and CSV (gzip or not), and Parquet."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from monitor.errors import UserError
from monitor.replay import parquet
from monitor.replay.rows import BLOCK, Refused, Row

Tick = Callable[[int], None]
"""Called with the bytes that were read since the last call."""

PARQUET = (".parquet", ".pq")
_FORMATS = dict.fromkeys(PARQUET, "parquet") | {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_LONGEST_CELL = 64_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A recorded file: what columns it has and how many rows. Opened anew for each pass."""

    path: Path
    format: str
    columns: tuple[str, ...]
    rows: int
    delimiter: str = ","

    def blocks(self, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """All rows in file order, in lists of at most BLOCK; only these columns, where that saves reading."""
        if self.format == "parquet":
            return parquet.blocks(self.path, columns)
        return _in_blocks(_text_rows(self.path, self.format, self.delimiter))


def open_source(path: Path, delimiter: str | None = None, tick: Tick | None = None) -> Source:
    """Find a file's format, columns and number of rows; text files are read through once for it.

    Raises UserError when there is no such file, or it is not what its name says.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    form = _format(path)
    mark = delimiter or ("\t" if ".tsv" in path.suffixes else ",")
    if form == "parquet":
        columns, rows = parquet.shape(path)
    else:
        columns, rows = _text_shape(path, form, mark, tick)
    if rows == 0:
        raise UserError(f"{path.name} has no rows")
    return Source(path, form, columns, rows, mark)


def _format(path: Path) -> str:
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    form = _FORMATS.get(suffixes[-1].lower() if suffixes else "")
    if form is None:
        raise UserError(f"{path.name}: the name must end in one of {', '.join(_FORMATS)} (or .csv.gz, .ndjson.gz)")
    return form


def _text_shape(path: Path, form: str, delimiter: str, tick: Tick | None) -> tuple[tuple[str, ...], int]:
    columns: dict[str, None] = {}
    rows = 0
    for row in _text_rows(path, form, delimiter, tick):
        rows += 1
        if isinstance(row, dict) and row.keys() - columns.keys():
            columns.update(dict.fromkeys(row))
    return tuple(columns), rows


def _text_rows(path: Path, form: str, delimiter: str, tick: Tick | None = None) -> Iterator[Row]:
    with path.open("rb") as raw, ExitStack() as stack:
        stream: Any = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        rows = _csv_rows(path, stream, delimiter) if form == "csv" else _json_rows(stream)
        stack.enter_context(closing(rows))  # before the file under it
        seen = 0
        try:
            for number, row in enumerate(rows, 1):
                if tick is not None and number % 1000 == 0:
                    seen = _tell(tick, raw, seen)
                yield row
        except (gzip.BadGzipFile, EOFError) as error:
            raise UserError(f"{path.name} is damaged, or not gzip; is the whole of it here?") from error
        if tick is not None:
            _tell(tick, raw, seen)


def _tell(tick: Tick, raw: IO[bytes], seen: int) -> int:
    here = raw.tell()
    tick(here - seen)
    return here


def _json_rows(stream: IO[bytes]) -> Generator[Row, None, None]:
    for line in stream:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            yield Refused("not_utf8")
        except RecursionError:
            yield Refused("too_deep")
        except ValueError:
            yield Refused("not_json")
        else:
            yield row if isinstance(row, dict) else Refused("not_object")


def _csv_rows(path: Path, stream: IO[bytes], delimiter: str) -> Generator[Row, None, None]:
    csv.field_size_limit(_LONGEST_CELL)  # recordings hold whole prompts, which no mapping has to read
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    table = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        head = next(table, [])
        if twice := sorted({column for column in head if head.count(column) > 1}):
            raise UserError(f"{path.name} has two columns named {twice[0]!r}; rename one")
        for cells in table:
            if cells:
                yield (
                    dict(zip(head, cells, strict=True)) if len(cells) == len(head) else Refused("wrong_number_of_cells")
                )
    except csv.Error as error:
        raise UserError(
            f"{path.name}, line {table.line_num}: {error}; is it CSV, with {delimiter!r} between cells?"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 near line {table.line_num + 1}; convert it first") from error
    finally:
        lines.detach()  # it closes what it was given, which is not ours


def _in_blocks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    block: list[Row] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block
