"""Fills an embedded store with a day of simulated windows: `python -m monitor.demo.history DSN SEED RATE`."""

import sys

from monitor.clock import now
from monitor.progress import track
from monitor.simulator.history import history
from monitor.simulator.traffic import Traffic
from monitor.store.endpoint import open_writer
from monitor.store.migrate import migrate
from monitor.store.windows import insert_cells

TOPIC = "simulated.history"
"""Stands in the rows' `topic`, so that nobody takes them for Kafka's. No range claims them."""
_HOURS = 24


def load(dsn: str, seed: int, rate: float) -> None:
    """Write the day before now, an hour at a time. Blocking; a few seconds."""
    client = open_writer(dsn)
    migrate(client)
    hours = history(now(), _HOURS, seed, Traffic(rate))
    for number, columns in enumerate(track("   hours of history", hours, _HOURS)):
        insert_cells(client, TOPIC, columns, "history", f"history-{seed}-{number}")
    client.close()


if __name__ == "__main__":
    load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
