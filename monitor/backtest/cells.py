"""From columns of a file to numbers, and an error that says which cell is wrong and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.base import Bools, Floats
from monitor.backtest.history import Integers
from monitor.errors import UserError

_WIDEST = 40


@dataclass(slots=True)
class Names:
    """The different texts of a column, in the order in which they came."""

    code: dict[str, int] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The number of a name, a new one if need be."""
        return self.code.setdefault(name, len(self.code))

    def all(self) -> list[str]:
        """The names in the order of their numbers."""
        return list(self.code)


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of some rows of a file. Rows are counted from 1, without the header; `before` came earlier."""

    file: str
    column: str
    before: int
    array: Any

    def error(self, row: int, what: str) -> UserError:
        """What to raise for a row of this part, 0 being its first."""
        try:
            shown = self.array[row].as_py()
        except (OverflowError, ValueError):  # a time of a year that Python has not
            shown = None
        text = "" if shown is None else f" {str(shown)[:_WIDEST]!r}"
        return UserError(f"{self.file}, row {self.before + row + 1:,}, column {self.column}:{text} {what}")

    def refuse(self, wrong: Bools, what: str) -> None:
        """Raise UserError for the first row that is wrong."""
        if wrong.any():
            raise self.error(int(np.argmax(wrong)), what)


def names(cells: Cells, into: Names, empty: str | None = None) -> Integers:
    """The numbers of the texts, shape (rows,). An empty cell stands for `empty`, or is an error."""
    values, which = unique(cells)
    if empty is None:
        cells.refuse(which < 0, "is empty; give it a name, or leave the row out")
    codes = [into.of(str(value).strip()) for value in values]
    if (which < 0).any():
        codes.append(into.of(str(empty)))
    return np.array(codes, dtype=np.int64)[which]


def numbers(cells: Cells) -> Floats:
    """Numbers of shape (rows,), NaN where a cell is empty. Raises UserError."""
    import pyarrow as pa  # noqa: PLC0415  # from the extra
    import pyarrow.compute as pc  # noqa: PLC0415  # from the extra

    array = cells.array
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    try:
        array = array.cast(pa.float64())
    except pa.ArrowException:  # blanks around a number are no fault
        try:
            array = pc.utf8_trim_whitespace(array).cast(pa.float64())
        except pa.ArrowException as error:
            raise _first_that_fails(cells, float, "is no number") or cells.error(0, "is no number") from error
    found: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def counts(cells: Cells) -> Floats:
    """Whole numbers of shape (rows,), none of them missing or negative. Raises UserError."""
    found = numbers(cells)
    cells.refuse(np.isnan(found), "is no count; leave the row out where nothing was evaluated")
    cells.refuse(np.isinf(found), "is no count; leave the row out where nothing was evaluated")
    cells.refuse(found < 0.0, "is negative; a count is 0 or more")
    cells.refuse(found != np.floor(found), "is not a whole number; give counts of events, not rates")
    return found


def unique(cells: Cells) -> tuple[list[object], Integers]:
    """The different values, and which of them each row has, -1 where it is empty."""
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    array = cells.array
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)  # Python has no nanoseconds
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    which = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return array.dictionary.to_pylist(), which


def _first_that_fails(cells: Cells, convert: Callable[[Any], object], what: str) -> UserError | None:
    for row, value in enumerate(cells.array.to_pylist()):
        if value is None:
            continue
        try:
            convert(value)
        except (TypeError, ValueError):
            return cells.error(row, what)
    return None
