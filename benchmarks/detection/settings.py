"""The noise settings of goal G4: those of the published table, and neighbours whose parameters are drawn."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.worlds import Noise, Wander

_HOUR, _MINUTE = 360.0, 6.0
Draw = Callable[[np.random.Generator], Noise]


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of noise. `inside` says whether the detector's noise model has it in its family."""

    name: str
    inside: bool
    published: Noise
    draw: Draw

    def noise(self, chance: np.random.Generator, drawn: bool) -> Noise:
        """The published parameters, or a neighbour's."""
        return self.draw(chance) if drawn else self.published


def _wander(low: float, high: float, shortest: float = _HOUR / 2, longest: float = 3 * _HOUR) -> Draw:
    return lambda chance: Noise(wanders=(Wander(_between(chance, low, high), _between(chance, shortest, longest)),))


def _dispersed(low: float, high: float) -> Draw:
    return lambda chance: Noise(dispersion=_between(chance, low, high))


def _both(chance: np.random.Generator) -> Noise:
    wander = Wander(_between(chance, 0.07, 0.14), _between(chance, _HOUR / 2, 3 * _HOUR))
    return Noise(dispersion=_between(chance, 1.3, 4.0), wanders=(wander,))


def _heavy(chance: np.random.Generator) -> Noise:
    freedom = _between(chance, 2.5, 5.0)
    return Noise(wanders=(Wander(_between(chance, 0.07, 0.2), _between(chance, _HOUR / 2, 3 * _HOUR), freedom),))


def _two_scales(chance: np.random.Generator) -> Noise:
    fast = Wander(_between(chance, 0.05, 0.12), _between(chance, 3 * _MINUTE, 15 * _MINUTE))
    slow = Wander(_between(chance, 0.05, 0.15), _between(chance, 4 * _HOUR, 16 * _HOUR))
    return Noise(wanders=(fast, slow))


def _weekly(chance: np.random.Generator) -> Noise:
    wander = Wander(_between(chance, 0.03, 0.12), _between(chance, _HOUR / 2, 3 * _HOUR))
    rate = _between(chance, 0.7, 1.4)
    return Noise(wanders=(wander,), weekend_traffic=_between(chance, 0.3, 0.9), weekend_rate=rate)


def _jumps(chance: np.random.Generator) -> Noise:
    return Noise(jumps=_between(chance, 2.0, 10.0), jump_sd=_between(chance, 0.05, 0.15))


def _between(chance: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform between the two."""
    return math.exp(float(chance.uniform(math.log(low), math.log(high))))


SETTINGS = (
    Setting("binomial", True, Noise(), lambda _: Noise()),
    Setting("variance x2", True, Noise(dispersion=2.0), _dispersed(1.3, 3.0)),
    Setting("variance x5", True, Noise(dispersion=5.0), _dispersed(3.0, 8.0)),
    Setting("wander 10 %", True, Noise(wanders=(Wander(0.1),)), _wander(0.07, 0.14)),
    Setting("wander 20 %", True, Noise(wanders=(Wander(0.2),)), _wander(0.14, 0.28)),
    Setting("variance x2, wander 10 %", True, Noise(dispersion=2.0, wanders=(Wander(0.1),)), _both),
    Setting("heavy-tailed wander", False, Noise(wanders=(Wander(0.1, freedom=3.0),)), _heavy),
    Setting("two time scales", False, Noise(wanders=(Wander(0.08, 30.0), Wander(0.12, 8 * _HOUR))), _two_scales),
    Setting(
        "weekly season, wander 10 %",
        False,
        Noise(wanders=(Wander(0.1),), weekend_traffic=0.6, weekend_rate=0.8),
        _weekly,
    ),
    Setting("natural jumps", False, Noise(jumps=4.0, jump_sd=0.1), _jumps),
    Setting(
        "5-minute memory",
        False,
        Noise(wanders=(Wander(0.1, 30.0),)),
        _wander(0.07, 0.2, 3 * _MINUTE, 10 * _MINUTE),
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
