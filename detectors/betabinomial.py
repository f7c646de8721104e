"""Counts that scatter: the beta-binomial density, and what a count says about the level of a rate."""

import math

from detectors.compiled import compiled

MAX_RATE = 0.95
"""No rate is held for more than this."""
_PRODUCT = 12.0
_STIRLING = 10.0


@compiled
def log_density(bad: float, evaluated: float, rate: float, rho: float) -> float:
    """Logarithm of the beta-binomial density without the binomial coefficient, which cancels in every ratio.

    `rate` is between 0 and 1, both excluded; `rho` is the correlation of two events of the window.
    """
    good = evaluated - bad
    if rho * evaluated < 1e-3:
        return bad * math.log(rate) + good * math.log(1.0 - rate)
    size = max(1.0 / rho - 1.0, 0.05)
    rises = _log_rising(rate * size, bad) + _log_rising((1.0 - rate) * size, good)
    return rises - _log_rising(size, evaluated)


@compiled
def _log_rising(x: float, steps: float) -> float:
    """Logarithm of x (x + 1) ... (x + steps - 1), for x > 0 and whole steps; where steps are many, by Stirling."""
    product = 1.0
    if steps <= _PRODUCT:
        for i in range(int(steps)):
            product *= x + i
        return math.log(product)
    while x < _STIRLING:
        product *= x
        x += 1.0
        steps -= 1.0
    end = x + steps
    main = (x - 0.5) * math.log1p(steps / x) + steps * math.log(end) - steps
    found = main + _stirling_rest(end) - _stirling_rest(x)
    return found + math.log(product) if product != 1.0 else found


@compiled
def _stirling_rest(x: float) -> float:
    """What Stirling's series for the logarithm of the gamma function has after its main terms."""
    y = 1.0 / (x * x)
    return (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y / 1680.0))) / x


@compiled
def updated(
    level: float, variance: float, bad: float, evaluated: float, rate: float, scatter: float
) -> tuple[float, float]:
    """Mean of the level's logarithm, and its variance, after `bad` of `evaluated` events where `rate` is usual.

    `level` is the rate over the usual before. Gamma-conjugate, so that it stays positive. `scatter` is the variance
    over the binomial's: it and the binomial's own 1 - rate make the window weigh less than as many Poisson events.
    """
    weight = 1.0 / (scatter * (1.0 - rate))
    shape = 1.0 / variance
    shape_after = shape + bad * weight
    scale_after = shape / level + evaluated * rate * weight
    return math.log(shape_after / scale_after), 1.0 / shape_after
