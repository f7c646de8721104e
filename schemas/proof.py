"""What a struct of schemas/derive.py cannot check of itself: alphabets, patterns, the form of times.

Many objects are proven at once. Words repeat, and so do whole combinations of them, since most are
dimensions; what was proven once is only looked up.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from schemas.derive import Shape
from schemas.moments import Moments

Column = tuple[Any, ...]
Rule = Callable[[Sequence[Any]], bool]
KNOWN_WORDS = 50_000
KNOWN_COMBINATIONS = 20_000
"""What is remembered of each; beyond it everything is forgotten, and learnt again."""


class Words:
    """The words of one pattern that were already found to fit it."""

    def __init__(self, pattern: str) -> None:
        self._fits = re.compile(pattern.removeprefix("^").removesuffix("$"), re.ASCII).fullmatch
        self._known: set[str | None] = {None}

    def hold(self, columns: Iterable[Column]) -> bool:
        """Whether every word of these columns fits."""
        known = self._known
        return all(map(known.issuperset, columns)) or self._learn(set(chain.from_iterable(columns)) - known)

    def _learn(self, new: set[str | None]) -> bool:
        if len(self._known) + len(new) > KNOWN_WORDS:
            self._known = {None}
        fitting = {word for word in new if word is not None and self._fits(word)}
        self._known |= fitting
        return len(fitting) == len(new)


class Proof:
    """The rules of one shape and of what is inside it. `words` is shared by shapes, by pattern; for one thread."""

    def __init__(self, shape: Shape, words: dict[str, Words], moments: Moments) -> None:
        self._moments = moments
        self._letters = [(alphabet, _getter(names)) for alphabet, names in shape.letters.items()]
        self._patterns = [(words.setdefault(p, Words(p)), len(names)) for p, names in shape.words.items()]
        self._worded = _getter([name for names in shape.words.values() for name in names])
        self._combinations: set[Column] = set()
        times = [name for name in shape.times if name != "ts"]  # whoever reads a message reads `ts`
        self._times = _getter(times)
        proofs = ((name, many, Proof(part, words, moments)) for name, many, part in shape.parts)
        self._parts = [(attrgetter(name), many, proof) for name, many, proof in proofs if proof.rules]
        rules: dict[Rule, object] = {
            self._spelt: shape.letters,
            self._are_words: shape.words,
            self._are_times: times,
            self._parts_hold: self._parts,
        }
        self.rules: list[Rule] = [rule for rule, needed in rules.items() if needed]
        """What there is to prove; may be nothing."""

    def holds(self, objects: Sequence[Any]) -> bool:
        """Whether every rule is kept in all of them."""
        return all(rule(objects) for rule in self.rules)

    def faulty(self, objects: Sequence[Any]) -> set[int]:
        """The `id()`s of those in which something is wrong. One rule at a time, so that few are looked at alone."""
        broken = [rule for rule in self.rules if not rule(objects)]
        return {id(one) for rule in broken for one in objects if not rule([one])}

    def _spelt(self, objects: Sequence[Any]) -> bool:
        for alphabet, get in self._letters:
            text = "".join(filter(None, chain.from_iterable(map(get, objects))))
            if text.encode(errors="surrogatepass").translate(None, alphabet):
                return False
        return True

    def _are_words(self, objects: Sequence[Any]) -> bool:
        found = list(map(self._worded, objects))
        return self._combinations.issuperset(found) or self._learn(set(found) - self._combinations)

    def _learn(self, new: set[Column]) -> bool:
        columns = list(zip(*new, strict=True))
        for words, number in self._patterns:
            mine, columns = columns[:number], columns[number:]
            if not words.hold(mine):
                return False
        if len(self._combinations) + len(new) > KNOWN_COMBINATIONS:
            self._combinations.clear()
        if len(new) <= KNOWN_COMBINATIONS:
            self._combinations |= new
        return True

    def _are_times(self, objects: Sequence[Any]) -> bool:
        return None not in self._moments.read(chain.from_iterable(map(self._times, objects)))

    def _parts_hold(self, objects: Sequence[Any]) -> bool:
        for get, many, proof in self._parts:
            column = map(get, objects)
            inside = list(chain.from_iterable(column) if many else filter(None, column))
            if inside and not proof.holds(inside):
                return False
        return True


def _getter(names: Sequence[str]) -> Callable[[Any], Column]:
    """The values of these fields as a tuple, whatever their number."""
    if not names:
        return lambda _: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda one: (get(one),)
