"""The times of a file: a column at once where it is written as most are, cell by cell where it is not."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from monitor.backtest.cells import Cells, unique
from monitor.backtest.history import Integers
from monitor.moments import checked, moment

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def times(cells: Cells) -> tuple[Integers, int]:
    """Unix seconds, rounded down, shape (rows,), and how many rows named no zone. Raises UserError."""
    if len(cells.array) == 0:
        return np.zeros(0, dtype=np.int64), 0
    found = _at_once(cells.array)
    return _cell_by_cell(cells) if found is None else found


def _at_once(array: Any) -> tuple[Integers, int] | None:
    """None where a cell is empty, wrong, or written as only Python reads it. What is read has the same value."""
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    if array.null_count:
        return None
    array = _parsed(array)
    if pa.types.is_timestamp(array.type):
        zoned, seconds = array.type.tz is not None, _seconds(array)
    elif pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        zoned, seconds = True, array.to_numpy(zero_copy_only=False)
    else:
        return None
    try:
        for end in (seconds.min(), seconds.max()):  # NaN, if there is one
            checked(float(end))
    except ValueError:
        return None
    return seconds.astype(np.int64), 0 if zoned else len(seconds)


def _parsed(array: Any) -> Any:
    """Texts as numbers or timestamps where all of them can be; the array itself where they cannot."""
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        for kind in (pa.float64(), pa.timestamp("us", "UTC"), pa.timestamp("us")):
            try:
                return array.cast(kind)
            except pa.ArrowException:
                continue
    return array


def _seconds(timestamps: Any) -> Any:
    """Unix seconds, rounded down, of timestamps without nulls."""
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    return timestamps.cast(pa.int64()).to_numpy(zero_copy_only=False) // _PER_SECOND[timestamps.type.unit]


def _cell_by_cell(cells: Cells) -> tuple[Integers, int]:
    import pyarrow as pa  # noqa: PLC0415  # from the extra

    empty = cells.array.is_null().to_numpy(zero_copy_only=False)
    cells.refuse(empty, "is empty; give the start of the window, or leave the row out")
    values: Iterable[object]
    if pa.types.is_timestamp(cells.array.type):  # of years that Python has not
        values, which = np.unique(_seconds(cells.array), return_inverse=True)
    else:
        values, which = unique(cells)
    found: list[int] = []
    zoned: list[bool] = []
    for value in values:
        try:
            seconds, with_zone = _moment(value)
        except ValueError as error:
            row = int(np.argmax(which == len(found)))
            raise cells.error(row, str(error)) from error
        found.append(int(seconds // 1))
        zoned.append(with_zone)
    return np.array(found, dtype=np.int64)[which], int((~np.array(zoned))[which].sum())


def _moment(value: object) -> tuple[float, bool]:
    if isinstance(value, int | float | np.int64):
        return checked(float(value)), True
    return moment(str(value))
