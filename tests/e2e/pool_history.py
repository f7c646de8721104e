"""`python -m tests.e2e.pool_history DSN FACTOR`: two days of twelve small features of one model, in a new store.

In the last hour and a half each refuses FACTOR times as often as before. It ends in three minutes from now, so that a
worker that starts meanwhile has windows to score, too.
"""

import sys
import time

from monitor.store.endpoint import open_writer
from monitor.store.migrate import migrate
from monitor.windows import window_start
from tests.pool_traffic import alike, fill

FEATURES, MEAN, USUAL = 12, 1.0, 0.05
_WINDOWS, _CHANGED, _BLOCK, _AHEAD = 2 * 8640, 540, 2160, 18


def history(dsn: str, factor: float) -> None:
    """What a scorer learns from, and what it finds when it begins."""
    client = open_writer(dsn)
    migrate(client)
    start, changed = window_start(time.time()) - 10 * (_WINDOWS - _AHEAD), _WINDOWS - _CHANGED
    for first in range(0, _WINDOWS, _BLOCK):
        rows = alike(FEATURES, MEAN, first, first + _BLOCK, lambda window: USUAL * (factor if window >= changed else 1))
        fill(client, start, rows, first, f"history-{first}")
    client.close()


if __name__ == "__main__":
    history(sys.argv[1], float(sys.argv[2]))
