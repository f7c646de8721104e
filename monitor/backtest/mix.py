"""The place where the mix of strata is adjusted for. Today it is not: a change of what is asked counts as a change."""

from detectors.base import Floats
from monitor.backtest.history import History


def mix_of(history: History) -> Floats | None:
    """By what the mix of strata multiplies the odds of a bad event, shape (kpis, windows); None: by 1 everywhere.

    `history.strata` has the counts by stratum. A mix must be learned where baselines are, from windows before the
    moment they are learned at, and not from the whole history: that would look into the future.
    """
    del history
    return None
