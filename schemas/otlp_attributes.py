"""Attributes, in either encoding: those the alias table reads are kept, content is dropped unread and counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from schemas.aliases import CONTENT, PRIVATE, Aliases
from schemas.otlp_item import CONTENT_SEEN, Attributes, Value

_LONG = 400
"""Bytes. What is longer is no name of anything, and is not remembered."""
_MAX_PAIRS = 50_000
_MAX_NAMES = 10_000

Split = Callable[[bytes], tuple[str, Any] | None]
"""The name in an encoded pair, and whatever its value is to be read from; None for what is no pair."""
Head = Callable[[bytes], bytes]
"""The first bytes of a pair, up to the end of its name: the same for all of that name. b"" if not plain to see."""
Read = Callable[[Any, int], Value | None]
"""A value, by its kind in the alias table; None for a value of another kind."""


class Pairs:
    """Reads the attributes of one encoding. Most pairs repeat, and are known again by their bytes. Bounded.

    Only pairs that are kept are remembered; of all others the value is not even looked at.
    """

    def __init__(self, aliases: Aliases, head: Head, split: Split, read: Read) -> None:
        self._aliases = aliases
        self._head = head
        self._split = split
        self._read = read
        self._ignored: set[bytes] = set()
        """Heads of pairs that nobody reads."""
        self._known: dict[bytes, tuple[str, Value]] = {}

    def read(self, pairs: Iterable[bytes], dropped: Counter[str]) -> Attributes:
        """The attributes of one item; of two pairs of one name the last counts. Adds what is not read to `dropped`.

        Raises nothing: a pair that cannot be read is as good as absent.
        """
        found: Attributes = {}
        known = self._known
        for raw in pairs:
            pair = known.get(raw)
            if pair is None:
                self._learn(raw, found, dropped)
            else:
                found[pair[0]] = pair[1]
        return found

    def _learn(self, raw: bytes, found: Attributes, dropped: Counter[str]) -> None:
        head = self._head(raw)
        if head in self._ignored:
            return
        split = self._split(raw)
        if split is None:
            return
        name, encoded = split
        kind = self._aliases.kinds.get(name)
        if kind is not None and kind < CONTENT:
            value = self._read(encoded, kind)
            if value is not None:
                found[name] = value
                self._remember(raw, (name, value))
        elif kind is not None or name.startswith(self._aliases.families):
            dropped[self._aliases.family(name) if kind is None else name] += 1
            if kind != PRIVATE:
                found[CONTENT_SEEN] = True
        elif 0 < len(head) < _LONG and len(self._ignored) < _MAX_NAMES:
            self._ignored.add(head)

    def _remember(self, raw: bytes, pair: tuple[str, Value]) -> None:
        if len(raw) >= _LONG:
            return
        if len(self._known) >= _MAX_PAIRS:
            self._known.clear()
        self._known[raw] = pair
