"""Attributes, in either encoding: those the alias table reads are kept, content is dropped unread and counted."""

from collections import Counter
from collections.abc import Callable, Iterable

from schemas.aliases import CONTENT, PRIVATE, Aliases
from schemas.otlp_item import CONTENT_SEEN, Attributes, Value

_LONG = 400
"""Bytes. What is longer is no name of anything, and is not remembered."""
_MAX_PAIRS = 50_000
_MAX_NAMES = 10_000
_IGNORED = -1
"""The kind of an attribute that nobody reads."""
_SEEN = (CONTENT_SEEN, True)

Head = Callable[[bytes], bytes]
"""The first bytes of a pair, up to the end of its name. Anything if that is not plain to see."""
Plain = Callable[[bytes], bool]
"""Whether such a head has a name in it, and the same one in every pair that begins so."""
Name = Callable[[bytes], str | None]
"""The name in an encoded pair; None for what is no pair."""
Read = Callable[[bytes, str, int], Value | None]
"""The value in an encoded pair of this name, by its kind in the alias table; None for another kind, or another name."""


class Pairs:
    """Reads the attributes of one encoding. Most pairs repeat, and are known again by their bytes. Bounded.

    Only pairs that are kept are remembered; of all others the value is not even looked at.
    """

    def __init__(self, aliases: Aliases, head: Head, plain: Plain, name: Name, read: Read) -> None:
        self._aliases = aliases
        self._head = head
        self._plain = plain
        self._name = name
        self._read = read
        self._unique = frozenset(aliases.names["response_id"])
        """Attributes of which no value comes twice, or hardly one: to remember them would drive out what repeats."""
        self._ignored: set[bytes] = set()
        """Heads of pairs that nobody reads."""
        self._heads: dict[bytes, tuple[str, int]] = {}
        """Of the others: name and kind by head."""
        self._known: dict[bytes, tuple[str, Value]] = {}

    def read(self, pairs: Iterable[bytes], dropped: Counter[str]) -> Attributes:
        """The attributes of one item; of two pairs of one name the last counts. Adds what is not read to `dropped`.

        Raises nothing: a pair that cannot be read is as good as absent.
        """
        known, head_of, ignored, new = self._known.get, self._head, self._ignored, self._new
        found = [
            known(raw) or (None if (head := head_of(raw)) in ignored else new(raw, head, dropped)) for raw in pairs
        ]
        return dict(filter(None, found))

    def _new(self, raw: bytes, head: bytes, dropped: Counter[str]) -> tuple[str, Value] | None:
        """What a pair that is not remembered adds to the attributes, if anything."""
        name, kind = self._heads.get(head) or self._learn(head, raw)
        if kind == _IGNORED:
            return None
        if kind >= CONTENT:
            dropped[name] = dropped.get(name, 0) + 1  # a Counter's own way to a missing name is dear
            return None if kind == PRIVATE else _SEEN
        value = self._read(raw, name, kind)
        if value is None:
            return None
        if name not in self._unique:
            self._remember(raw, (name, value))
        return name, value

    def _learn(self, head: bytes, raw: bytes) -> tuple[str, int]:
        """The name to count or to keep a pair under, and its kind."""
        name = self._name(raw)
        if name is None:
            return "", _IGNORED
        kind = self._aliases.kinds.get(name, _IGNORED)
        if kind == _IGNORED and name.startswith(self._aliases.families):
            return self._aliases.family(name), CONTENT
        if len(head) < _LONG and self._plain(head):
            if kind != _IGNORED:
                self._heads[head] = name, kind
            elif len(self._ignored) < _MAX_NAMES:
                self._ignored.add(head)
        return name, kind

    def _remember(self, raw: bytes, pair: tuple[str, Value]) -> None:
        if len(raw) >= _LONG:
            return
        if len(self._known) >= _MAX_PAIRS:
            self._known.clear()
        self._known[raw] = pair
