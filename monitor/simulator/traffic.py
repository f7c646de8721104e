"""When requests come: hours of the day, days of the week, and bursts. Pure functions of (time, generator)."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitor.windows import WINDOW_SECONDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Mean requests per hour of day over the busiest, from BurstGPT (1.43 million requests in 61 days, CC-BY-4.0).
_HOURS = (
    0.524, 0.497, 0.318, 0.286, 0.205, 0.190, 0.108, 0.085, 0.099, 0.232, 0.489, 0.716,
    0.971, 0.836, 1.000, 0.780, 0.822, 0.755, 0.658, 0.873, 0.753, 0.654, 0.629, 0.571,
)  # fmt: skip
_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800
_MONDAY = 4 * _DAY  # 1970-01-05; the Unix epoch was a Thursday


@dataclass(frozen=True, slots=True)
class Traffic:
    """How much, and how uneven.

    `rate` is interactions per second over all features, as the mean of a week. `swing` is the power
    the hours are raised to: 1 is BurstGPT's own day, in which the busiest hour carries 11.7 times the
    quietest; the default 0.5 makes that 3.4 times, because that trace is of one campus and a product
    has users in several time zones; 0 is flat. `weekend` is Saturday and Sunday over a weekday:
    BurstGPT's two quiet days of week one carry 0.58 of the others, damped here as the hours are.
    """

    rate: float = 120.0
    swing: float = 0.5
    weekend: float = 0.76
    bursty: bool = True
    _hours: Floats = field(init=False, repr=False, compare=False)
    _mean: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        hours = np.array(_HOURS) ** self.swing
        object.__setattr__(self, "_hours", hours / hours.mean())
        object.__setattr__(self, "_mean", (5.0 + 2.0 * self.weekend) / 7.0)

    def shape(self, unix_seconds: Floats) -> Floats:
        """Load at these moments over the mean load of a week."""
        # An hour's mean stands at its middle; between two middles the load is interpolated.
        position = (np.asarray(unix_seconds, dtype=np.float64) / _HOUR - 0.5) % 24.0
        hour = position.astype(np.int64)
        part = position - hour
        daily = self._hours[hour % 24] * (1.0 - part) + self._hours[(hour + 1) % 24] * part
        day = ((np.asarray(unix_seconds) - _MONDAY) % _WEEK) // _DAY
        weekly: Floats = np.where(day >= 5, self.weekend, 1.0) / self._mean
        return daily * weekly

    def mean(self, window_start: Floats, share: float) -> Floats:
        """Expected interactions in these 10 s windows of a feature with this share of the traffic."""
        return self.shape(window_start + WINDOW_SECONDS / 2) * (self.rate * share * WINDOW_SECONDS)

    def bursts(self, mean: Floats, dispersion: float, rng: np.random.Generator) -> Floats:
        """Expected interactions once the window's burst is known.

        A Poisson count over this is negative binomial with variance `dispersion` x mean, whatever
        the mean is. Windows are independent: the traces' correlation of 0.5 to 0.7 between
        neighbours is left out.
        """
        if not self.bursty or dispersion <= 1.0:
            return mean
        spread = dispersion - 1.0
        drawn: Floats = rng.gamma(np.maximum(mean, 1e-9) / spread, spread)
        return drawn

    def counts(self, mean: Floats, dispersion: float, rng: np.random.Generator) -> Ints:
        """Interactions in each window, drawn."""
        return rng.poisson(self.bursts(mean, dispersion, rng)).astype(np.int64)
