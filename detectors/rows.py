"""What is where in a series' two rows of numbers: what was learned of it, and what it remembers.

Rows instead of objects, because compiled code goes over thousands of them, and because one series in a
backtest and one among many in a worker must be the same thing.
"""

import numpy as np

_UP, _UP_ABSORBED = (1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0), (1.5, 2.0, 3.0)
_DOWN, _DOWN_ABSORBED = (0.95, 0.9, 0.7, 0.5, 0.2, 0.05), (0.7, 0.5, 0.3)
RATIOS = np.array([*_UP, *_UP_ABSORBED, *_DOWN, *_DOWN_ABSORBED])
"""The hypotheses: by what the rate is multiplied."""
ABSORBED = np.array([0.0] * len(_UP) + [1.0] * len(_UP_ABSORBED) + [0.0] * len(_DOWN) + [1.0] * len(_DOWN_ABSORBED))
"""1 where the rate does not jump: it goes on from where it is, and only what it returns to has moved."""
UPWARD = len(_UP) + len(_UP_ABSORBED)
"""Hypotheses before this index are rises, the others drops."""
HYPOTHESES = len(RATIOS)

# A row of parameters, shape (PARAMETERS,): what was learned.
VARIANCE = 0  # of the level's fast part, when nothing is known of it; 0 where the level does not move
MEMORY = 1  # its autocorrelation from window to window
SLOW_VARIANCE = 2  # the same of the slow part; 0 where there is none
SLOW_MEMORY = 3
JUMP_RATE = 4  # natural jumps of the level a window
JUMP_VARIANCE = 5
RHO = 6  # correlation of events within a window
THRESHOLD = 7
COMPLEMENT = 8  # 1 if good events are watched, being the rarer
WEIGHTS = 9  # one a hypothesis; 0 leaves it out
SEASON = WEIGHTS + HYPOTHESES  # coefficients, see season.py
HARMONICS = 11
PARAMETERS = SEASON + HARMONICS

# A belief about the level, see belief.py: means and covariance of its two parts.
FAST, SLOW, FAST_FAST, FAST_SLOW, SLOW_SLOW = range(5)
BELIEF = 5

# A row of state, shape (STATE,): what is remembered from window to window.
NORMAL = 0  # belief about the level of the null
JUMPED = NORMAL + BELIEF  # the same, had the level jumped lately
JUMP_ODDS = JUMPED + BELIEF
OPEN = JUMP_ODDS + 1  # 1 while an incident is open
EVIDENCE = OPEN + 1  # while it is: the statistic, carried on
BACK_R = EVIDENCE + 1  # Shiryaev-Roberts statistic of being back to normal
BACK = BACK_R + 1  # belief about the level, were it back to normal
PAGES = BACK + BELIEF  # incidents that ended, half forgotten in five days; see guard.py
EXCESS = PAGES + 1  # by how much they passed the threshold, forgotten likewise
HIGHEST = EXCESS + 1  # while an incident is open: the highest its evidence was
SHARES = HIGHEST + 1  # one a hypothesis: its R while nothing is open, its share of the posterior while an incident is
ROOM = HYPOTHESES + 4  # for HYPOTHESES numbers side by side and a few more, in whole vectors
LEVELS = SHARES + ROOM  # beliefs, one a hypothesis: of number j the parts are ROOM apart, from j on
DENSITIES = LEVELS + ROOM * BELIEF  # logarithms of what each of these held of the last window before it was known
STATE = DENSITIES + ROOM
