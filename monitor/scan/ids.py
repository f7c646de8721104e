"""Sets of event ids that make no Python object for an id: letters in one array, and a table of where they stand."""

from collections.abc import Iterator, Sequence
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.scan.id_table import (
    LENGTH_BITS,
    LENGTHS,
    MOST_BYTES,
    OFFSETS,
    Batch,
    Held,
    add_all,
    add_new,
    find_all,
    hash_all,
    move,
)
from monitor.scan.plan import Ints
from monitor.scan.raw import SLACK

PLACES, LETTERS = 1024, 2**14
"""Of the table and for the letters of a new set; both grow by doubling."""
_LARGE = 2**20
"""Bytes of an array that is no longer on the heap."""


class Ids(NamedTuple):
    """Texts by their addresses, in any order in memory; eight bytes behind each may be read."""

    begins: Ints
    """The address of the first byte of each, shape (ids,)."""
    ends: Ints
    """The address of the byte behind the last of each, shape (ids,)."""
    kept: tuple[object, ...]
    """What the texts stand in; it lives as long as this."""

    def then(self, others: "Ids", order: Ints) -> "Ids":
        """These and the others behind them, in another order."""
        begins, ends = (np.concatenate(both)[order] for both in zip(self[:2], others[:2], strict=True))
        return Ids(begins, ends, self.kept + others.kept)

    def only(self, number: int) -> "Ids":
        """One of them alone."""
        return Ids(self.begins[number : number + 1], self.ends[number : number + 1], self.kept)


def ids_of(texts: Sequence[str]) -> Ids:
    """Ids that are Python's texts."""
    encoded = [text.encode() for text in texts]
    letters = np.frombuffer(b"".join([*encoded, bytes(SLACK)]), dtype=np.uint8)
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    ends = letters.ctypes.data + np.cumsum(lengths)
    return Ids(ends - lengths, ends, (letters,))


class IdSet:
    """A set of event ids, which grows with what it holds. For one thread."""

    __hash__ = None  # type: ignore[assignment]  # as of any set that changes

    def __init__(self, seed: int = 0, ids: int = 0, letters: int = 0) -> None:
        """`seed` makes the hash another one: 63 bits count. There is room for so many ids and bytes of letters."""
        self._seed = seed % 2**63
        self._count, self._end = 0, 0
        self._table = zeros(_doubled(PLACES, 2 * ids), np.int64)
        self._letters = zeros(_doubled(LETTERS, letters + SLACK), np.uint8)

    def successor(self) -> "IdSet":
        """An empty set with the same seed and room for as much, so that it need not grow once more."""
        return IdSet(self._seed, self._count, self._end)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, also those that nothing was written to yet."""
        return self._table.nbytes + self._letters.nbytes

    def __len__(self) -> int:
        return self._count

    def __contains__(self, event_id: str) -> bool:
        return bool(self.holds(ids_of([event_id]))[0])

    def __iter__(self) -> Iterator[str]:
        """The ids, in no order."""
        ids, at = self.ids(), self._letters.ctypes.data
        for begin, end in zip((ids.begins - at).tolist(), (ids.ends - at).tolist(), strict=True):
            yield self._letters[begin:end].tobytes().decode()

    def __eq__(self, other: object) -> bool:
        """Whether the same ids are in both, whatever the seeds."""
        if not isinstance(other, IdSet):
            return NotImplemented
        return len(self) == len(other) and bool(other.holds(self.ids()).all())

    def ids(self) -> Ids:
        """What is in it, in no order; good until it changes."""
        entries = self._table[self._table != 0]
        begins = self._letters.ctypes.data + (entries >> LENGTH_BITS & OFFSETS)
        return Ids(begins, begins + (entries & LENGTHS) - 1, (self._letters,))

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Of each id, whether it is in it. Raises ValueError as `Hashed` does."""
        hashed = Hashed(self._seed, ids)
        find_all(self._held(), hashed.batch)
        return ~hashed.new

    def add(self, ids: Ids) -> None:
        """Take all of them, which may repeat. Raises ValueError as `Hashed` does."""
        hashed = Hashed(self._seed, ids)
        self._make_room(len(ids.begins), hashed.letters)
        self._count, self._end = add_all(self._held(), hashed.batch)

    def hashed(self, ids: Ids, logged_ms: Ints) -> "Hashed":
        """Ids for `add_new` of this set and of its successors."""
        return Hashed(self._seed, ids, logged_ms)

    def add_new(self, older: "IdSet", hashed: "Hashed", begin: int, limit: int, due_ms: int) -> int:
        """Take the ids that are in neither set from number `begin` on, and say so in `hashed.new`.

        It stops before a new id where this set holds `limit`, or where Kafka's record time is `due_ms` or later.
        Returns the number of that id, or how many there are. Both sets have the same seed.
        """
        ids = min(hashed.batch.many - begin, max(limit - self._count, 0))
        self._make_room(ids, min(hashed.letters, ids * MOST_BYTES))
        stopped, self._count, self._end = add_new(self._held(), older._held(), hashed.batch, begin, limit, due_ms)
        return stopped

    def _held(self) -> Held:
        table, letters = self._table.ctypes.data, self._letters.ctypes.data
        return Held(table, len(self._table) - 1, letters, self._count, self._end)

    def _make_room(self, ids: int, letters: int) -> None:
        """For so many more, at most half of the places being taken. Raises OverflowError where no entry can say it."""
        if self._end + letters > OFFSETS:
            raise OverflowError(f"a set of event ids with {self._end + letters} bytes of letters")
        size = _doubled(len(self._letters), self._end + letters + SLACK)
        if size > len(self._letters):
            grown = zeros(size, np.uint8)
            grown[: self._end] = self._letters[: self._end]
            self._letters = grown
        places = _doubled(len(self._table), 2 * (self._count + ids))
        if places > len(self._table):
            old, self._table = self._table, zeros(places, np.int64)
            held = self._held()
            move(held._replace(table=old.ctypes.data, mask=len(old) - 1), held, self._seed)


class Hashed:
    """Ids with their hashes, for the sets of one seed.

    Raises ValueError where there is not a beginning, an end and a record time of each, or an id is longer than
    MOST_BYTES.
    """

    def __init__(self, seed: int, ids: Ids, logged_ms: Ints | None = None) -> None:
        begins, ends = (np.ascontiguousarray(each, dtype=np.int64) for each in ids[:2])
        many = len(begins)
        logged = np.ascontiguousarray(np.zeros(many) if logged_ms is None else logged_ms, dtype=np.int64)
        if not len(ends) == len(logged) == many:
            raise ValueError(f"{len(ends)} ends and {len(logged)} record times of {many} event ids")
        lengths = ends - begins
        if many and not 0 <= lengths.min() <= lengths.max() <= MOST_BYTES:
            raise ValueError(f"event ids of {lengths.min()} to {lengths.max()} bytes; at most {MOST_BYTES}")
        self.letters = int(lengths.sum())
        """Bytes of them all."""
        self.new = np.zeros(many, dtype=np.bool_)
        """Of each id, whether it was new, once it was asked."""
        keys = np.empty(many, dtype=np.int64)
        self._kept = (begins, ends, keys, logged, ids.kept)
        addresses = (part.ctypes.data for part in (begins, ends, keys, logged, self.new))
        self.batch = Batch(*addresses, many)  # type: ignore[call-arg]  # mypy counts wrong
        hash_all(seed, self.batch)


def zeros(size: int, kind: type[Any]) -> NDArray[Any]:
    """So many zeros; a large array is the system's own, and goes back to it whole.

    Sets live for minutes, and among what a flush needs for a moment they would leave holes that fit nothing.
    """
    nbytes = size * np.dtype(kind).itemsize
    if nbytes < _LARGE:
        return np.zeros(size, dtype=kind)
    return np.frombuffer(mmap(-1, nbytes, flags=MAP_PRIVATE | MAP_ANONYMOUS), dtype=kind)


def _doubled(size: int, least: int) -> int:
    """The size, doubled until it is at least so much."""
    while size < least:
        size *= 2
    return size
