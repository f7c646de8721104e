"""What is to be simulated, what was sent, and the form of one record."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from monitor.errors import UserError
from monitor.simulator.profiles import PROFILES, Profile
from monitor.simulator.scenarios import Scenario, Truth
from monitor.simulator.traffic import Traffic

_SECOND = 1_000_000


class Record(NamedTuple):
    """One Kafka record, and when to send it in seconds since the start.

    `note` is its kind: interaction, late, evaluation, heartbeat, change, duplicate, or
    malformed:REASON and content:REASON for one that must be refused with that reason.
    """

    at: float
    topic: str
    key: str
    value: bytes | None
    note: str


@dataclass(frozen=True, slots=True)
class Shares:
    """What goes wrong on the way, as shares of the interactions. All assumed."""

    duplicate: float = 0.005
    """Sent again, byte for byte, under the same key."""
    malformed: float = 0.003
    """Records beside the interactions that break the contract. No heartbeat counts them."""
    content: float = 0.001
    """Records beside the interactions that carry a prompt or an answer. No heartbeat counts them."""
    late: float = 0.01
    """Interactions that arrive 2 to 60 s after they happened."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole simulation: the same plan gives the same bytes.

    `start` is aware; event times begin there. `seconds` None never ends. `huge` puts records of 5 MB
    among the malformed ones, which a broker must be set up for.
    """

    start: datetime
    seed: int = 1
    seconds: float | None = None
    traffic: Traffic = field(default_factory=Traffic)
    profiles: tuple[Profile, ...] = PROFILES
    scenario: Scenario | None = None
    shares: Shares = field(default_factory=Shares)
    huge: bool = False

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise UserError("a simulation starts at a time with a time zone; give it in UTC")
        if self.traffic.rate <= 0.0 or (self.seconds is not None and self.seconds <= 0.0):
            raise UserError("a simulation's rate and its seconds are above 0")
        if self.scenario is not None and self.scenario.feature not in self.features:
            raise UserError(f"there is no feature {self.scenario.feature}; take one of {', '.join(self.features)}")
        if self.scenario is not None and self.seconds is not None and self.scenario.start >= self.seconds:
            raise UserError(
                "the scenario would begin after the simulation's end; let it begin earlier, or go on longer"
            )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(profile.name for profile in self.profiles)

    @property
    def start_us(self) -> int:
        """The start in Unix microseconds."""
        return round(self.start.timestamp() * _SECOND)

    def truth(self) -> Truth | None:
        """What a detector should find, with times in RFC 3339; None without a scenario."""
        if self.scenario is None:
            return None
        truth = self.scenario.truth()
        times = {name: self.start + timedelta(seconds=float(truth[name])) for name in ("onset", "ends")}
        return truth | {name: time.astimezone(UTC).isoformat() for name, time in times.items()}


@dataclass(slots=True)
class Tally:
    """Records sent so far, by kind. Interactions are the good ones, each counted once."""

    sent: int = 0
    interactions: int = 0
    evaluations: int = 0
    heartbeats: int = 0
    changes: int = 0
    duplicates: int = 0
    malformed: int = 0
    content: int = 0
    late: int = 0
    """Of the interactions, those that came late."""
    dropped: int = 0
    """Interactions that happened and were lost on the way to Kafka: never sent. Up to 2 s ahead of the rest."""

    def count(self, note: str) -> None:
        """Count one record by its note."""
        self.sent += 1
        if note in ("interaction", "late"):
            self.interactions += 1
            self.late += note == "late"
        else:
            name = _COUNTERS[note.partition(":")[0]]
            setattr(self, name, getattr(self, name) + 1)


_COUNTERS = {
    "evaluation": "evaluations", "heartbeat": "heartbeats", "change": "changes",
    "duplicate": "duplicates", "malformed": "malformed", "content": "content",
}  # fmt: skip
