"""The event ids a partition remembers, so that a producer's retry is not a second event. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from monitor.scan.ids import Hashed, Ids, IdSet, ids_of
from monitor.scan.plan import Ints

_PAIRS = 2**16
"""Of those read back, at once."""
_FAR = 2**62
"""A limit and a time that nothing reaches; compiled code knows none beyond 64 bits."""


@dataclass(slots=True)
class IdMemory:
    """Two generations of ids. When the younger is full or old enough, it becomes the older one.

    So an id is remembered for at least `horizon_ms` of log time or `limit` ids, whichever is shorter,
    and for at most twice that. Turns depend on the log alone (offsets and Kafka's record times), and
    the store keeps where they happened: a memory read back equals the one that was lost.
    """

    horizon_ms: int
    limit: int
    ids_from: int = 0
    """First offset of the older generation."""
    ids_split: int = 0
    """First offset of the younger generation."""
    split_at_ms: int = 0
    """Kafka's record time at the split."""
    seed: int = field(default=0, kw_only=True, compare=False, repr=False)
    """Of the hash; it changes no decision."""
    older: IdSet = field(init=False)
    younger: IdSet = field(init=False)

    def __post_init__(self) -> None:
        self.older, self.younger = IdSet(self.seed), IdSet(self.seed)

    def is_new(self, event_id: str, offset: int, logged_ms: int) -> bool:
        """Whether this id was not seen; it is from now on. Offsets must not go backwards."""
        return bool(self.are_new(ids_of([event_id]), np.array([offset]), np.array([logged_ms]))[0])

    def are_new(self, ids: Ids, offsets: Ints | Sequence[int], logged_ms: Ints | Sequence[int]) -> NDArray[np.bool_]:
        """`is_new` of each, in this order, shape (ids,)."""
        if len(offsets) != len(ids.begins):
            raise ValueError(f"{len(offsets)} offsets of {len(ids.begins)} event ids")
        hashed = self.younger.hashed(ids, np.asarray(logged_ms, dtype=np.int64))
        at = self._add_new(hashed, 0)
        while at < len(hashed.new):
            self._turn(int(offsets[at]), int(logged_ms[at]))
            self.younger.add(ids.only(at))  # it made the turn and is not asked again, so that every turn ends
            hashed.new[at] = True
            at = self._add_new(hashed, at + 1)
        return hashed.new

    def restore(self, ids: Iterable[tuple[int, str]]) -> None:
        """Take (offset, id) pairs back from the store, in any order."""
        pairs = iter(ids)
        while some := list(islice(pairs, _PAIRS)):
            self.younger.add(ids_of([event_id for offset, event_id in some if offset >= self.ids_split]))
            older = [event_id for offset, event_id in some if self.ids_from <= offset < self.ids_split]
            self.older.add(ids_of(older))

    def _add_new(self, hashed: Hashed, begin: int) -> int:
        """Take ids up to the first that makes a turn; its number."""
        due_ms = min(self.split_at_ms + self.horizon_ms, _FAR)
        return self.younger.add_new(self.older, hashed, begin, min(self.limit, _FAR), due_ms)

    def _turn(self, offset: int, logged_ms: int) -> None:
        """The younger generation becomes the older one, before the id at this offset."""
        self.older, self.younger = self.younger, self.younger.successor()
        self.ids_from, self.ids_split, self.split_at_ms = self.ids_split, offset, logged_ms
