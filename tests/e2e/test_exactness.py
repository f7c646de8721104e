"""Nothing lost, nothing counted twice: workers are killed at random, then ClickHouse is held against the topic."""

import random
import signal
import time

from monitor.producing import sender
from tests.e2e.processes import Workers, wait_until
from tests.e2e.recount import check_exact, records, stored

RECORDS = 20_000
KILLS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)


def test_killed_workers_lose_nothing_and_count_nothing_twice(workers: Workers) -> None:
    chance = random.Random(11)
    sent = records(seed=5, size=RECORDS)
    worker = workers.start(FLUSH_INTERVAL="0.1")
    with sender(workers.broker, "test") as out:
        for number, kill in enumerate(KILLS):
            part = len(sent) // len(KILLS)
            for emitter, value in sent[number * part : (number + 1) * part]:
                out.send("ai.telemetry", value, emitter)
            out.flush()
            time.sleep(chance.uniform(0.5, 4.0))  # somewhere between joining the group and having stored it all
            worker.send_signal(kill)
            worker.wait()
            worker = workers.start(FLUSH_INTERVAL="0.1")
    wait_until(lambda: stored(workers.dsn) == RECORDS, 60, f"{RECORDS} records claimed")
    workers.stop()
    check_exact(workers.dsn, sent)
