"""`python -m tests.e2e.refusal_history DSN`: hours of windows in which 4 % were refused, up to now, in a new store."""

import sys
import time
from typing import Any

import numpy as np

from monitor.store.endpoint import open_writer
from monitor.store.migrate import migrate
from monitor.store.windows import insert_cells
from monitor.windows import DIMENSIONS, window_start
from schemas.outcomes import Bit

REFUSED, EVALUATED = Bit.REFUSED, Bit.INTERACTION | Bit.REFUSAL_EVALUATED
HOURS = 6
EACH_SECOND = 40
USUAL = 0.04


def history(dsn: str) -> None:
    """What a scorer learns from."""
    chance = np.random.default_rng(1)
    end = window_start(time.time())
    columns: dict[str, list[Any]] = {name: [] for name in ("window_start", *DIMENSIONS, "mask", "n", "weight")}
    for start in range(end - HOURS * 3600, end, 10):
        refused = int(chance.binomial(10 * EACH_SECOND, USUAL))
        for mask, n in ((EVALUATED, 10 * EACH_SECOND - refused), (EVALUATED | REFUSED, refused)):
            said = {"window_start": start, "feature": "chat", "mask": mask, "n": n, "weight": n}
            for name, column in columns.items():
                column.append(said.get(name, ""))
    client = open_writer(dsn)
    migrate(client)
    insert_cells(client, "test.history", columns, "test", "history")
    client.close()


if __name__ == "__main__":
    history(sys.argv[1])
