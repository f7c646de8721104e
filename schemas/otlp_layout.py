"""What can be told from the names of an item's attributes alone. The items of a producer have the same few sets."""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from schemas.aliases import Aliases
from schemas.otlp_item import CONTENT_SEEN, Attributes

_MOST = 2_000
"""Layouts that are remembered; beyond it all are forgotten, and learnt again."""


class Layout(msgspec.Struct, frozen=True, gc=False):
    """One set of names, in one order."""

    asked: Callable[[Attributes], Any]
    """The values of those names that decide about what repeats."""
    asked_names: tuple[str, ...]
    best: dict[str, str]
    """By field of ours: the best of its names that is there. Fields without one are missing."""
    names: dict[str, tuple[str, ...]]
    """By field of ours: all of its names that are there, the best first. Fields without one are missing."""
    guarded: bool
    """Whether a guardrail may have told its verdict here."""
    grounded: bool
    weighted: bool
    content: bool
    """Whether content was dropped beside these."""


class Layouts:
    """Knows a layout again by its names. For one thread."""

    def __init__(self, aliases: Aliases, asked: Sequence[str]) -> None:
        self._names = aliases.names
        self._asked = asked
        self._known: dict[tuple[str, ...], Layout] = {}

    def of(self, attributes: Attributes) -> Layout:
        """The layout of these."""
        names = tuple(attributes)
        return self._known.get(names) or self._learn(names)

    def _learn(self, names: tuple[str, ...]) -> Layout:
        if len(self._known) >= _MOST:
            self._known.clear()
        there = {field: kept for field, every in self._names.items() if (kept := _only(every, names))}
        asked = _only(self._asked, names)
        layout = self._known[names] = Layout(
            itemgetter(*asked) if asked else _nothing,
            asked,
            {field: kept[0] for field, kept in there.items()},
            there,
            "guardrail_verdict" in there,
            "safety.grounding.required" in names,
            "safety.sample_weight" in names,
            CONTENT_SEEN in names,
        )
        return layout


def _only(some: Iterable[str], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in some if name in names)


def _nothing(_: Attributes) -> None:
    return None
