"""One value of one series: evidence that it is abnormal, what it is worth as news, and incidents.

Evidence is against a Student-t around a robust level, and knows nothing of earlier anomalies. News is against the
series' own history: how rare each feature is there, and how far the pattern is from all seen before. An incident
opens when the evidence and the history both say that such a value is rarer than the budget allows.
"""

import math

from detectors.compiled import compiled
from detectors.values_features import ACTIVITY, HEIGHT, VALUE, scale_floor, take_value
from detectors.values_memory import COUNT, FEATURES, LEVEL, NEWS, OPEN, QUIET, SECONDS, SPREAD, TIME, Memory
from detectors.values_novelty import take_pattern
from detectors.values_tails import USUAL_INDEX, learn_size, surprise

NOTHING, OPENED, CLOSED = 0, 1, 2
WARM = 30
"""Values before anything is said."""
_UNSCALED = 10.0
"""Values before sizes are remembered: the scales are not known yet, and sizes look huge."""
_KAPPA = 0.7
"""A p-value p becomes an e-value kappa p^(kappa - 1), whose mean is 1 if p is uniform."""
_NO_NEWS = math.log1p(_KAPPA)
"""What the other side of a feature has to say, on which the value is not."""
_WORTH_OF_NOTHING = 2.0 * FEATURES * _NO_NEWS
_NOVELTY = 20.0
"""What a distance of 1 between patterns adds to the logarithm."""
_NEWS_FADES = math.exp(-1 / 500)
_NEWS_GROWS = 1.15
"""News must be worth so much more than the last, which fades; an incident is not told again at every window."""
_TO_STUDENT = 2.0 * math.sqrt(3.0) / math.pi
"""Mean absolute value of a Student-t with three degrees of freedom."""
_QUANTILE = 5.8409
"""99 values of 100 of that Student-t are nearer."""
_LARGEST = 1000.0
_LARGE = 1e200
_CLOSE_EVIDENCE = math.log(20.0)
_CLOSE_WINDOWS = 6.0


@compiled
def step(memory: Memory, time: int, value: float, budget: float) -> tuple[float, float, float, float, float, int]:
    """Evidence, news, expected, low, high, and NOTHING, OPENED or CLOSED; then the value is learned.

    `budget` is the mean time between false pages in seconds. A value that is not finite only passes: it is no
    evidence and no quiet. While warming evidence and news are 0 and the interval is everything.
    """
    warm = memory.scalars[COUNT] >= WARM
    expected, low, high = _interval(memory, value, warm)
    if not math.isfinite(value):
        return 0.0, 0.0, expected, low, high, NOTHING
    _pass_time(memory, time)
    now = memory.scalars[COUNT]
    take_value(memory, time, value)
    fused, own = _take_sizes(memory, warm)
    novelty = take_pattern(memory, now)
    if not warm:
        return 0.0, 0.0, expected, low, high, NOTHING
    evidence = student_surprise(memory.features[VALUE] * _TO_STUDENT)
    news = _take_news(memory, fused + _NOVELTY * novelty)
    wanted = math.log(max(budget / max(memory.scalars[SECONDS], 1.0), 2.0))
    return evidence, news, expected, low, high, _take_incident(memory, evidence, own, wanted)


@compiled
def student_surprise(size: float) -> float:
    """Minus the logarithm of the probability that a Student-t with three degrees of freedom is as far from 0."""
    x = min(abs(size), _LARGEST) / math.sqrt(3.0)
    if x < 1e-12:
        return 0.0
    return -math.log(min(2.0 / math.pi * (math.atan(1.0 / x) - x / (1.0 + x * x)), 1.0))


@compiled
def _interval(memory: Memory, value: float, warm: bool) -> tuple[float, float, float]:
    """The level, and an interval that holds 99 values of 100; before it is warm, everything."""
    level = memory.scalars[LEVEL]
    if not warm:
        return level, -math.inf, math.inf
    floor = scale_floor(memory, level)
    half = _QUANTILE / _TO_STUDENT * max(memory.scalars[SPREAD], floor)
    return level, level - half, level + half


@compiled
def _pass_time(memory: Memory, time: int) -> None:
    """Learn how long a window is; a gap counts as little more than one, and time that stands still as none."""
    scalars = memory.scalars
    passed = time - scalars[TIME]
    if scalars[COUNT] > 0.0 and passed > 0.0:
        if scalars[SECONDS] == 0.0:
            scalars[SECONDS] = passed
        rate = max(0.01, 1.0 / scalars[COUNT])
        scalars[SECONDS] += rate * (min(passed, 2.0 * scalars[SECONDS]) - scalars[SECONDS])
    scalars[TIME] = time


@compiled
def _take_sizes(memory: Memory, warm: bool) -> tuple[float, float]:
    """Logarithm of the sum, over all subsets of the features' sides, of the product of their e-values; and how rare
    the value itself is in the history. Then the history learns the sizes.
    """
    above, edges, total = memory.above, memory.edges, memory.scalars[COUNT] - 1.0 - _UNSCALED
    fused, product, own = FEATURES * _NO_NEWS, 1.0, 0.0
    for k in range(FEATURES):
        size = memory.features[k]
        if k == HEIGHT or ACTIVITY <= k < ACTIVITY + 4:
            size = math.copysign(math.expm1(abs(size)), size)
        row, size = (k, size) if size > 0.0 else (FEATURES + k, -size)
        rare = surprise(above, edges, row, total, size, 0.0) if warm else 0.0
        product *= 1.0 + _KAPPA * math.exp((1.0 - _KAPPA) * rare)
        if product > _LARGE:
            fused += math.log(product)
            product = 1.0
        if k == VALUE and warm:
            # The tail of a series with few different values looks thinner than it is; a page must not rest on that.
            own = surprise(above, edges, row, total, size, USUAL_INDEX)
        if total >= 0.0:
            learn_size(above, row, size)
    return fused + math.log(product), own


@compiled
def _take_news(memory: Memory, worth: float) -> float:
    """The worth beyond that of nothing, where it is news; 0 where it tells little more than what was told lately."""
    last = memory.scalars[NEWS] * _NEWS_FADES
    told = worth > _NEWS_GROWS * last
    memory.scalars[NEWS] = worth if told else last
    return max(worth - _WORTH_OF_NOTHING, 0.0) if told else 0.0


@compiled
def _take_incident(memory: Memory, evidence: float, own: float, wanted: float) -> int:
    """Opens on evidence that the history confirms; closes after some windows with little evidence."""
    scalars = memory.scalars
    if scalars[OPEN] == 0.0:
        if min(evidence, own) < wanted:
            return NOTHING
        scalars[OPEN] = 1.0
        scalars[QUIET] = 0.0
        return OPENED
    scalars[QUIET] = scalars[QUIET] + 1.0 if evidence < _CLOSE_EVIDENCE else 0.0
    if scalars[QUIET] < _CLOSE_WINDOWS:
        return NOTHING
    scalars[OPEN] = 0.0
    return CLOSED
