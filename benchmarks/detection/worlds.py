"""Simulated streams: (events, bad events) per ten-second window, with seasons, noise and a change.

The noise of a setting belongs to "normal": a detector that pages on it pages falsely. Everything is made by a seeded
numpy generator that the caller passes in, so a stream is a function of its arguments.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WINDOW_SECONDS = 10
DAY = 8640
"""Windows in a day."""
WEEK = 7 * DAY
MAX_RATE = 0.95
_RATE_PHASE = 1.0
_WEEKEND_BEGINS = 2
"""Day of Unix time, modulo seven, that is a Saturday: day 0 was a Thursday."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A feature's size: mean events per window, and the mean share of them that is bad."""

    events: int
    rate: float

    @property
    def name(self) -> str:
        """For example 200/0.02."""
        return f"{self.events}/{self.rate:g}"


CELLS = tuple(Cell(events, rate) for events in (20, 200, 2000) for rate in (0.002, 0.02, 0.1))
MIDDLE = Cell(200, 0.02)


@dataclass(frozen=True, slots=True)
class Environment:
    """Daily amplitudes of traffic and of the rate: 0.4 is +-40 %."""

    name: str
    traffic: float
    rate: float


FLAT = Environment("S", 0.0, 0.0)
DAILY = Environment("D", 0.4, 0.25)


@dataclass(frozen=True, slots=True)
class Wander:
    """One component of the log rate, autoregressive of order one: standard deviation, memory in windows.

    `freedom` is Student's degrees of freedom of its shocks; 0 means normal shocks.
    """

    sd: float
    memory: float = 360.0
    freedom: float = 0.0


@dataclass(frozen=True, slots=True)
class Noise:
    """What normal does beyond the binomial.

    `dispersion` is the variance over the binomial's at the cell's mean number of events. `jumps` a week redraw the
    level from a normal distribution of standard deviation `jump_sd`. The weekend multiplies traffic and rate.
    """

    dispersion: float = 1.0
    wanders: tuple[Wander, ...] = ()
    jumps: float = 0.0
    jump_sd: float = 0.0
    weekend_traffic: float = 1.0
    weekend_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """The rate is multiplied by `ratio`, at once or, over `ramp` windows, linearly."""

    name: str
    ratio: float
    ramp: int = 0

    def path(self, windows: int, onset: int) -> Floats:
        """The multiplier in each window; 1 before the onset."""
        since = np.arange(windows, dtype=np.float64) - onset
        if self.ramp == 0:
            return np.where(since >= 0, self.ratio, 1.0)
        return 1.0 + (self.ratio - 1.0) * np.clip((since + 1.0) / self.ramp, 0.0, 1.0)


STEPS = tuple(Change(f"x{ratio:g}", ratio) for ratio in (1.5, 2.0, 3.0, 5.0))
DROPS = tuple(Change(f"x{ratio:g}", ratio) for ratio in (0.5, 0.2))
DOUBLED = STEPS[1]
RAMP = Change("6 h ramp to x2", 2.0, ramp=6 * 360)


@dataclass(frozen=True, slots=True)
class Stream:
    """Windows in order: `start` is the Unix second of the first one."""

    start: int
    evaluated: Ints
    bad: Ints


@dataclass(frozen=True, slots=True)
class World:
    """A feature: its size, its days, its noise."""

    cell: Cell
    environment: Environment = DAILY
    noise: Noise = field(default_factory=Noise)

    def traffic(self, start: int, windows: int) -> Floats:
        """Expected events of each window."""
        shape = 1.0 + self.environment.traffic * np.sin(_turn(start, windows))
        return self.cell.events * shape * np.where(_weekend(start, windows), self.noise.weekend_traffic, 1.0)

    def rate(self, start: int, windows: int) -> Floats:
        """The rate that season explains: what an oracle knows."""
        shape = 1.0 + self.environment.rate * np.sin(_turn(start, windows) + _RATE_PHASE)
        return self.cell.rate * shape * np.where(_weekend(start, windows), self.noise.weekend_rate, 1.0)

    def stream(
        self, start: int, windows: int, chance: np.random.Generator, change: Change | None = None, onset: int = 0
    ) -> Stream:
        """Counts of this many windows; the noise begins in its stationary state."""
        evaluated = chance.poisson(self.traffic(start, windows)).astype(np.int64)
        rate = self.rate(start, windows) * np.exp(level(self.noise, windows, chance))
        if change is not None:
            rate = rate * change.path(windows, onset)
        return Stream(start, evaluated, _hits(evaluated, rate, self._correlation(), chance))

    def _correlation(self) -> float:
        """Correlation between two events of a window that gives the stated dispersion at the mean size."""
        return (self.noise.dispersion - 1.0) / max(self.cell.events - 1.0, 1.0)


def level(noise: Noise, windows: int, chance: np.random.Generator) -> Floats:
    """Logarithm of the wandering level, one value per window, stationary from the first."""
    found = np.zeros(windows)
    for wander in noise.wanders:
        found += _autoregressive(wander, windows, chance)
    if noise.jumps > 0:
        steps = np.cumsum(chance.random(windows) < noise.jumps / WEEK)
        found += chance.normal(0.0, noise.jump_sd, int(steps[-1]) + 1)[steps]
    return found


def any_start(chance: np.random.Generator) -> int:
    """A window's start within four weeks, on the grid of windows."""
    return int(chance.integers(0, 4 * WEEK)) * WINDOW_SECONDS


def _autoregressive(wander: Wander, windows: int, chance: np.random.Generator) -> Floats:
    kept = math.exp(-1.0 / wander.memory)
    if wander.freedom > 0:
        shocks = chance.standard_t(wander.freedom, windows) / math.sqrt(wander.freedom / (wander.freedom - 2.0))
    else:
        shocks = chance.normal(0.0, 1.0, windows)
    shocks = shocks * wander.sd * math.sqrt(1.0 - kept * kept)
    shocks[0] = chance.normal(0.0, wander.sd)
    path: Floats = lfilter([1.0], [1.0, -kept], shocks)
    return path


def _hits(evaluated: Ints, rate: Floats, correlation: float, chance: np.random.Generator) -> Ints:
    rate = np.minimum(rate, MAX_RATE)
    if correlation > 0:
        weight = 1.0 / correlation - 1.0
        rate = np.clip(chance.beta(rate * weight, (1.0 - rate) * weight), 0.0, 1.0)
    return chance.binomial(evaluated, rate).astype(np.int64)


def _turn(start: int, windows: int) -> Floats:
    """Angle of the day, in radians."""
    return 2.0 * np.pi * ((start // WINDOW_SECONDS + np.arange(windows)) % DAY) / DAY


def _weekend(start: int, windows: int) -> npt.NDArray[np.bool_]:
    day = (start // WINDOW_SECONDS + np.arange(windows)) // DAY % 7
    found: npt.NDArray[np.bool_] = (day == _WEEKEND_BEGINS) | (day == _WEEKEND_BEGINS + 1)
    return found
