"""Which baseline each feature is scored by, and when the next one comes. No I/O; times are Unix seconds."""

from dataclasses import dataclass, field

from detectors.schedule import LAG, learned_at, next_moment


@dataclass(slots=True)
class Calendar:
    """`learned` holds the moment of the baselines in use, by feature; features without any are not in it.

    `first` holds where a feature begins, as far as learning looks back: its first window, or a change after which
    normal is learned anew.
    """

    first: dict[str, int] = field(default_factory=dict)
    learned: dict[str, int] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    def watch(self, feature: str, now: int) -> None:
        """Keep a calendar for a feature from now on."""
        if feature not in self._next:
            self._next[feature] = next_moment(feature, self.first.setdefault(feature, now), now - LAG)

    def due(self, now: int) -> dict[str, int]:
        """Features whose newest baseline is not the one in use, and the moment of that newest one."""
        found = {}
        for feature, following in self._next.items():
            if feature not in self.learned or following + LAG <= now:
                at = learned_at(feature, self.first[feature], now)
                if at is not None and at != self.learned.get(feature):
                    found[feature] = at
        return found

    def adopted(self, feature: str, at: int, now: int) -> None:
        """From now on the feature is scored by the baselines of that moment."""
        self.learned[feature] = at
        self._next[feature] = next_moment(feature, self.first[feature], now - LAG)

    def begin_anew(self, feature: str, at: int, now: int) -> bool:
        """Forget what was learned of a feature before `at`. Returns whether there was anything to forget."""
        if at <= self.first.get(feature, at):
            return False
        self.first[feature] = at
        self.learned.pop(feature, None)
        self._next[feature] = next_moment(feature, at, now - LAG)
        return True

    def reached(self, now: int) -> dict[str, int]:
        """Features whose next moment of learning is not after `now`, and that moment."""
        return {feature: at for feature, at in self._next.items() if at <= now}

    def changes(self, now: int) -> list[int]:
        """When baselines come into force after now."""
        return [at + LAG for at in self._next.values() if at + LAG > now]
