"""How long something that should move has not. No I/O."""

from dataclasses import dataclass


@dataclass(slots=True)
class Standstill:
    """Remembers since when nothing moves; all times in seconds on one clock."""

    since: float | None = None

    def look(self, moving: bool, now: float) -> float:
        """Seconds it has stood still; 0 while it moves."""
        if moving:
            self.since = None
        elif self.since is None:
            self.since = now
        return self.seconds(now)

    def seconds(self, now: float) -> float:
        """The same as the last look saw it."""
        return 0.0 if self.since is None else now - self.since
