"""Counts that scatter: the beta-binomial density, and what a count says about the level of a rate.

Without branches, so that it is compiled to vector instructions where many rates are held against the same count.
"""

from detectors.compiled import inlined
from detectors.elementary import fma, log, log1p

MAX_RATE = 0.95
"""No rate is held for more than this."""
COIN = 1e-3
"""Correlation times events below which a window is as good as that many coins."""
_MIN_SIZE = 0.05
_STEPS = 8.0


@inlined
def log_density(bad: float, evaluated: float, rate: float, rho: float) -> float:
    """Logarithm of the beta-binomial density without the binomial coefficient, which cancels in every ratio.

    `rate` is between 0 and 1, both excluded; `rho` is the correlation of two events of the window.
    """
    good = evaluated - bad
    scatters = rho * evaluated >= COIN
    size = max(1.0 / (rho if scatters else 1.0) - 1.0, _MIN_SIZE)
    small_a, small_b = rate * size, (1.0 - rate) * size
    # Stirling's formula needs arguments that are not small: the gamma functions are taken some steps further on.
    a, b, total = small_a + _STEPS, small_b + _STEPS, size + 2.0 * _STEPS
    # Divisions are what costs: there is one for two inverses, and these are used again.
    per_a, per_a_after = _inverses(a, a + bad)
    per_b, per_b_after = _inverses(b, b + good)
    per_total, per_after = _inverses(total, total + evaluated)
    usual, other, share = a * per_total, b * per_total, total * per_after
    far = (bad - evaluated * usual) * share
    longer = (total + evaluated) * per_total
    moved = (a + bad - 0.5) * log1p(far * per_a, a * per_a_after * longer)
    moved += (b + good - 0.5) * log1p(-far * per_b, b * per_b_after * longer)
    steps = _rising(small_a) * _rising(size + evaluated) / (_rising(small_a + bad) * _rising(size))
    later = _rising(size + _STEPS + evaluated) / (_rising(small_b + good) * _rising(size + _STEPS))
    steps *= _rising(small_b) * later
    rest = _stirling_rest(per_a_after) - _stirling_rest(per_a) + _stirling_rest(per_b_after) - _stirling_rest(per_b)
    rest += _stirling_rest(per_total) - _stirling_rest(per_after)
    scatter = moved + 0.5 * log(steps * steps * share) + rest
    coins = bad * log(usual if scatters else rate) + good * log(other if scatters else 1.0 - rate)
    return coins + (scatter if scatters else 0.0)


@inlined
def log_coins(bad: float, evaluated: float, rate: float) -> float:
    """The same of events that are not correlated."""
    return bad * log(rate) + (evaluated - bad) * log(1.0 - rate)


@inlined
def _inverses(x: float, y: float) -> tuple[float, float]:
    """1 / x and 1 / y."""
    both = 1.0 / (x * y)
    return y * both, x * both


@inlined
def _rising(x: float) -> float:
    """x (x + 1) ... (x + 7)."""
    ends = x * (x + 7.0)
    return ends * (ends + 6.0) * (ends + 10.0) * (ends + 12.0)


@inlined
def _stirling_rest(z: float) -> float:
    """What Stirling's series for the logarithm of the gamma function of 1 / z has after its main terms."""
    y = z * z
    return z * fma(fma(fma(fma(1.0 / 1188.0, y, -1.0 / 1680.0), y, 1.0 / 1260.0), y, -1.0 / 360.0), y, 1.0 / 12.0)


@inlined
def updated(
    level: float, variance: float, bad: float, evaluated: float, rate: float, scatter: float
) -> tuple[float, float]:
    """How far the level's logarithm moves, and its variance, after `bad` of `evaluated` events at `rate` times `level`.

    Gamma-conjugate, so that the level stays positive. `scatter` is the variance over the binomial's: it and the
    binomial's own 1 - rate make the window weigh less than as many Poisson events.
    """
    weight = variance / (scatter * (1.0 - rate))
    shape = 1.0 + bad * weight
    return log(shape / (1.0 + evaluated * rate * level * weight)), variance / shape
