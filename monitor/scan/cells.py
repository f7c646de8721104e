"""Events to cells: the sums of a flush by window, slice and mask."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from detectors.compiled import compiled
from monitor.scan.plan import SEED, Ints
from monitor.scan.raw import mixed
from monitor.scan.slices import Numbering

_ROOM = 1024
_NO_NAMES: tuple[str, ...] = ()


@compiled
def add(table: Ints, keys: Ints, sums: Ints, used: int, events: Ints, of: Ints) -> int:
    """Add events to cells; how many cells are used then.

    `keys` (three by cell) and `sums` (events, weight) must have room for as many new cells as there are events, and
    `table` (a power of two, -1 for nothing) twice as many places. `events` are window, slice, mask and weight of each.
    `of` gets the cell of each event. New cells have the next numbers, in the order in which they are met.
    """
    places = len(table) - 1
    for i in range(events.shape[1]):
        window, cut, mask = events[0, i], events[1, i], events[2, i]
        place = mixed(mixed(mixed(SEED, window), cut), mask) & places
        cell = table[place]
        while cell >= 0 and not (keys[cell, 0] == window and keys[cell, 1] == cut and keys[cell, 2] == mask):
            place = (place + 1) & places
            cell = table[place]
        if cell < 0:
            cell = table[place] = used
            keys[cell, 0], keys[cell, 1], keys[cell, 2] = window, cut, mask
            sums[cell, 0], sums[cell, 1] = 0, 0
            used += 1
        sums[cell, 0] += 1
        sums[cell, 1] += events[3, i]
        of[i] = cell
    return used


class CellSums:
    """How many events there are of each (window, slice, mask), and how many they stand for."""

    def __init__(self) -> None:
        self.used = 0
        self._table = np.full(2 * _ROOM, -1, dtype=np.int64)
        self._keys = np.empty((_ROOM, 3), dtype=np.int64)
        self._sums = np.empty((_ROOM, 2), dtype=np.int64)

    def add(self, windows: Ints, cuts: Ints, masks: Ints, weights: Ints) -> Ints:
        """The number of each event's cell. New cells have the next numbers, in the order in which they are met."""
        events = np.stack([windows, cuts, masks, weights])
        self._make_room(self.used + len(windows))
        of = np.empty(len(windows), dtype=np.int64)
        self.used = add(self._table, self._keys, self._sums, self.used, events, of)
        return of

    def keys(self, begin: int = 0) -> list[list[int]]:
        """Window, slice and mask of each cell, from this one on."""
        return self._keys[begin : self.used].tolist()  # type: ignore[no-any-return]

    def sums(self) -> list[list[int]]:
        """Events and weight of each cell."""
        return self._sums[: self.used].tolist()  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Begin to count at 0 in the same cells."""
        self._sums[:] = 0

    def _make_room(self, cells: int) -> None:
        room = len(self._keys)
        if cells <= room:
            return
        while room < cells:
            room *= 2
        keys, sums = self._keys[: self.used], self._sums[: self.used]
        self._table = np.full(2 * room, -1, dtype=np.int64)
        self._keys, self._sums = np.empty((room, 3), dtype=np.int64), np.empty((room, 2), dtype=np.int64)
        events = np.vstack([keys.T, sums[:, 1]])
        add(self._table, self._keys, self._sums, 0, events, np.empty(len(keys), dtype=np.int64))
        self._sums[: self.used] = sums


class ScannedCells:
    """The cells of one flush that scanned events are in, on their way to the flush's own."""

    def __init__(self, slices: Numbering | None = None) -> None:
        self.slices = slices
        """What the numbers of slices stand for; every flush may have another."""
        self._sums = CellSums()
        self._cells: list[list[int]] = []
        self._names = [_NO_NAMES]
        self._folded: list[int] = []

    def add(self, windows: Ints, cuts: Ints, masks: Ints, weights: Ints) -> tuple[Ints, list[list[int]]]:
        """The number of each event's cell; and window, slice and mask of those cells that nobody has asked for yet."""
        of = self._sums.add(windows, cuts, masks, weights)
        return of, self._sums.keys(len(self._cells))

    def lead(self, cell: list[int], folded: tuple[str, ...]) -> None:
        """The next new cell's sums belong to this cell of the flush, for which these dimensions were folded."""
        self._cells.append(cell)
        if folded and folded not in self._names:
            self._names.append(folded)
        self._folded.append(self._names.index(folded))

    def folded(self, of: Ints) -> Counter[str]:
        """How many of these events were folded, by dimension."""
        found: Counter[str] = Counter()
        if len(self._names) > 1:
            many = np.bincount(np.array(self._folded)[of], minlength=len(self._names)).tolist()
            for names, n in zip(self._names[1:], many[1:], strict=True):
                found.update(dict.fromkeys(names, n))
        return +found

    def settle(self) -> None:
        """Hand over what was counted."""
        for cell, (n, weight) in zip(self._cells, self._sums.sums(), strict=True):
            cell[0] += n
            cell[1] += weight
        self._sums.clear()


def pairs(first: Ints, second: Ints) -> Iterator[tuple[int, int, int]]:
    """Each pair of numbers that there is, and how often."""
    sums = CellSums()
    nothing = np.zeros(len(first), dtype=np.int64)
    sums.add(nothing, first, second, nothing)
    for (_, one, other), (n, _) in zip(sums.keys(), sums.sums(), strict=True):
        yield one, other, n
