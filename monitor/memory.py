"""The event ids a partition remembers, so that a producer's retry is not a second event. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


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
    older: set[str] = field(default_factory=set)
    younger: set[str] = field(default_factory=set)

    def is_new(self, event_id: str, offset: int, logged_ms: int) -> bool:
        """Whether this id was not seen; it is from now on. Offsets must not go backwards."""
        if event_id in self.younger or event_id in self.older:
            return False
        if len(self.younger) >= self.limit or logged_ms - self.split_at_ms >= self.horizon_ms:
            self.older, self.younger = self.younger, set()
            self.ids_from, self.ids_split, self.split_at_ms = self.ids_split, offset, logged_ms
        self.younger.add(event_id)
        return True

    def are_new(self, ids: Sequence[str], offsets: Sequence[int], logged_ms: Sequence[int]) -> list[bool]:
        """`is_new` of each, in this order."""
        turns = len(self.younger) + len(ids) > self.limit or (
            max(logged_ms, default=0) - self.split_at_ms >= self.horizon_ms
        )
        mine = set(ids)
        if turns or len(mine) < len(ids) or not (mine.isdisjoint(self.younger) and mine.isdisjoint(self.older)):
            return [self.is_new(*one) for one in zip(ids, offsets, logged_ms, strict=True)]
        self.younger |= mine
        return [True] * len(ids)

    def restore(self, ids: Iterable[tuple[int, str]]) -> None:
        """Take (offset, id) pairs back from the store, in any order."""
        for offset, event_id in ids:
            if offset >= self.ids_split:
                self.younger.add(event_id)
            elif offset >= self.ids_from:
                self.older.add(event_id)
