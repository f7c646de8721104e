"""`make bench-crash`: workers are killed, paused, cut off and starved; at the end the topic is counted again.

Two workers of one group write to one store in another process. At random moments one of them is killed
with SIGKILL, or killed inside a running INSERT, or paused past its session, or loses the answer of an
INSERT that succeeded; the store goes away for a while; the disk runs full; the broker is restarted.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer

from benchmarks.common import about, finish, is_quick, say
from benchmarks.harm import SESSION, Feed, Harm, Slot
from benchmarks.meddler import Meddler
from monitor.clock import monotonic
from monitor.embedded import free_port, start_broker
from monitor.errors import UserError
from monitor.leash import Child
from monitor.producing import ensure_topics
from monitor.settings import environment
from schemas.topics import DEAD_LETTER_TOPIC, TOPICS
from tests.e2e.ask import ask
from tests.e2e.processes import Served, Workers
from tests.e2e.recount import Sent, recount
from tests.kafka.broker import start_kafka

PARTITIONS = 8


def tmpfs(folder: Path) -> bool:
    """Give the folder a small disk of its own. Needs root; False where that is not to be had."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1500m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


def broker_of(folder: Path) -> tuple[Child, str, str]:
    """Apache Kafka where it can be had, Tansu elsewhere: its process, address and name."""
    try:
        child, address = start_kafka(folder)
    except UserError as error:
        say(f"no Apache Kafka ({error}): Tansu instead")
        port = free_port()
        return start_broker(port, folder / "broker.log"), f"127.0.0.1:{port}", "tansu"
    return child, address, "kafka"


def dead_letters(broker: str) -> int:
    """How many distinct records have a dead letter."""
    consumer = KafkaConsumer(
        DEAD_LETTER_TOPIC.name, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=4000
    )
    found = {message.key for message in consumer}
    consumer.close()
    return len(found)


def verdict(dsn: str, sent: Sent, letters: int) -> dict[str, Any]:
    """The topic against the store: lost and doubled events, and whether all else agrees."""
    cells, dead, repeats = recount(sent)
    rows = ask(
        dsn,
        "SELECT feature, toUnixTimestamp(window_start) AS start, bitAnd(mask, 8) != 0 AS refused, sum(n) AS n "
        "FROM windows WHERE row_kind = 'cell' GROUP BY 1, 2, 3",
    )
    stored = Counter({(row["feature"], int(row["start"]), bool(row["refused"])): int(row["n"]) for row in rows})
    [totals] = ask(
        dsn,
        "SELECT sum(accepted) AS accepted, sum(dead_letters) AS dead, sum(duplicates) AS repeats, "
        "(SELECT count() FROM events) AS events, (SELECT countIf(gap != 0) FROM offset_audit) AS gaps "
        "FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'",
    )
    lost, doubled = (cells - stored).total(), (stored - cells).total()
    expected = {"accepted": cells.total(), "dead": dead, "repeats": repeats, "events": cells.total(), "gaps": 0}
    agreed = {name: int(value) for name, value in totals.items()} == expected
    return {
        "sent": len(sent),
        "lost": lost,
        "doubled": doubled,
        "dead_letters_missing": dead - letters,
        "exact": lost == 0 and doubled == 0 and agreed and dead == letters,
        "stored": totals,
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """How much harm: this many kills, three in ten of them inside an INSERT, in at most so many seconds."""

    kills: int
    seconds: float
    frozen: float
    full_disk: bool


FULL = Plan(kills=100, seconds=1500.0, frozen=60.0, full_disk=True)
QUICK = Plan(kills=4, seconds=18.0, frozen=3.0, full_disk=False)


def play(harm: Harm, plan: Plan, disk: Path | None) -> None:
    """Do harm until enough workers were killed, enough of them inside an INSERT, or the time is over."""
    once = [partial(harm.freeze_store, plan.frozen)]
    if disk is not None and plan.full_disk:
        once.append(partial(harm.fill_disk, disk))
    often = [harm.kill] * 5 + [harm.kill_in_insert] * 6 + [harm.lose_answer] * 2 + [harm.zombie]
    turn, give_up = 0, monotonic() + plan.seconds
    while monotonic() < give_up:
        if harm.done["kills"] >= plan.kills and harm.done["kills_in_insert"] >= 0.3 * plan.kills:
            return
        harm.tend()
        turn += 1
        if once and turn % (plan.kills // 3 + 1) == 0:
            once.pop()()
        else:
            harm.chance.choice(often)()
        say(", ".join(f"{name} {count}" for name, count in harm.done.items()))


def settle(dsn: str, slots: list[Slot], wanted: int) -> None:
    """Let the workers finish what is in Kafka, at most five minutes."""
    count = "SELECT sum(records) AS n FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'"
    give_up = monotonic() + 300
    while monotonic() < give_up:
        for slot in slots:
            slot.tend()
        with suppress(AssertionError):
            if int(ask(dsn, count)[0]["n"]) >= wanted:
                return
        time.sleep(1.0)


def start_slots(folder: Path, broker: str, served: Served) -> list[Slot]:
    """Two places for workers, each with a relay of its own to the store."""
    options = {"FLUSH_INTERVAL": "0.2", "SESSION_TIMEOUT": str(SESSION), "LOG_LEVEL": "warning"}
    slots = []
    for number in range(2):
        meddler = Meddler(served.port)
        meddler.start()
        slots.append(Slot(number, meddler, Workers(folder, broker, served.settings | options)))
    return slots


def torment(plan: Plan, seed: int, broker: str, served: Served, slots: list[Slot]) -> dict[str, Any]:
    """Traffic, harm, and the count at the end."""
    disk = served.folder
    harm = Harm(slots, served, random.Random(seed))  # noqa: S311  # chance, not secrets
    feed = Feed(broker, seed)
    feed.start()
    play(harm, plan, disk if os.path.ismount(disk) else None)
    feed.stop()
    say(f"{len(feed.sent):,} records sent; the workers finish")
    dsn = f"chdb://{disk / 'store'}"
    settle(dsn, slots, len(feed.sent))
    ends: Counter[int] = sum((slot.ends for slot in slots), Counter())
    exits = {"exit_codes": {str(code): count for code, count in ends.items()}}
    return dict(harm.done) | verdict(dsn, feed.sent, dead_letters(broker)) | exits


def run(plan: Plan, seed: int) -> dict[str, Any]:
    """One whole run."""
    folder = Path(tempfile.mkdtemp(prefix="vigil-crash-"))
    disk, logs = folder / "disk", folder / "kafka"
    disk.mkdir()
    logs.mkdir()
    mounted = plan.full_disk and tmpfs(disk)
    child, broker, name = broker_of(logs)
    served, slots = Served(disk), list[Slot]()
    try:
        ensure_topics(broker, TOPICS, PARTITIONS)
        slots += start_slots(folder, broker, served)
        return torment(plan, seed, broker, served, slots) | {"broker": name, "disk_could_be_filled": mounted}
    finally:
        for slot in slots:
            slot.workers.stop()
        served.stop()
        child.stop()
        if mounted:
            subprocess.run(["umount", str(disk)], check=False)  # noqa: S607  # found on the PATH of any Linux
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run, write the result of a full run, print one JSON object as the last line."""
    quick = is_quick(environment())
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    result = run(QUICK if quick else FULL, seed) | {"seed": seed} | about(quick)
    for key in ("kills", "kills_in_insert", "zombies", "answers_lost"):
        result.setdefault(key, 0)
    finish("crash", result, quick)
    return 0 if result["exact"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
