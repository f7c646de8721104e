"""`make bench-crash`: workers are killed, paused, cut off and starved; at the end the topic is counted again.

Two workers of one group write to one store in another process. At random moments one of them is killed
with SIGKILL, or killed inside a running INSERT, or paused past its session, or loses the answer of an
INSERT that succeeded; the store goes away for a while; the disk runs full; the broker is restarted.
"""

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer

from benchmarks.brokers import Kafka, apache, tansu
from benchmarks.common import about, finish, is_quick, say
from benchmarks.harm import SESSION, Feed, Harm, Slot
from benchmarks.meddler import Meddler
from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.producing import ensure_topics
from monitor.settings import environment
from schemas.topics import DEAD_LETTER_TOPIC, TELEMETRY_TOPIC, TOPICS
from tests.e2e.ask import ask
from tests.e2e.processes import Served, Workers
from tests.e2e.recount import Sent, recount

PARTITIONS = 8


def tmpfs(folder: Path) -> bool:
    """Give the folder a small disk of its own. Needs root; False where that is not to be had."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1500m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextmanager
def broker_of(folder: Path) -> Iterator[tuple[str, Kafka | None]]:
    """Apache Kafka where it can be had, Tansu elsewhere: its address, and Kafka itself, which can be restarted."""
    with ExitStack() as stack:
        kafka: Kafka | None = None
        try:
            kafka = stack.enter_context(apache(folder))
        except UserError as error:
            say(f"no Apache Kafka ({error}): Tansu instead, which is not restarted, for it would lose its data")
        yield (kafka.address if kafka else stack.enter_context(tansu(folder))), kafka


def read_topic(broker: str) -> Sent:
    """All telemetry in the topic: what was sent, and again what the producer repeated when no answer came."""
    consumer = KafkaConsumer(
        TELEMETRY_TOPIC.name, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=4000
    )
    found = [(message.key.decode(), message.value) for message in consumer]
    consumer.close()
    return found


def dead_letters(broker: str) -> int:
    """How many distinct records have a dead letter."""
    consumer = KafkaConsumer(
        DEAD_LETTER_TOPIC.name, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=4000
    )
    found = {message.key for message in consumer}
    consumer.close()
    return len(found)


def verdict(dsn: str, sent: Sent, topic: Sent, letters: int, refused: int) -> dict[str, Any]:
    """The topic against the store: lost and doubled events, and whether all else agrees.

    What was sent and is not in the topic the broker must have refused; it never was ours.
    """
    cells, dead, repeats = recount(topic)
    missing = (Counter(sent) - Counter(topic)).total()
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
        "in_topic": len(topic),
        "refused_by_broker": refused,
        "missing_in_topic": missing,
        "lost": lost,
        "doubled": doubled,
        "dead_letters_missing": dead - letters,
        "exact": lost == doubled == 0 and agreed and dead == letters and missing <= refused,
        "stored": totals,
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """How much harm: this many kills, three in ten of them inside an INSERT, in at most so many seconds."""

    kills: int
    seconds: float
    frozen: float
    full_disk: bool
    broker_restarts: int


FULL = Plan(kills=100, seconds=1500.0, frozen=60.0, full_disk=True, broker_restarts=4)
QUICK = Plan(kills=3, seconds=12.0, frozen=3.0, full_disk=False, broker_restarts=1)


def play(harm: Harm, plan: Plan, disk: Path | None) -> None:
    """Do harm until enough workers were killed, enough of them inside an INSERT, or the time is over."""
    once: list[Callable[[], None]] = [partial(harm.freeze_store, plan.frozen)]
    if disk is not None and plan.full_disk:
        once.append(partial(harm.fill_disk, disk))
    once += [harm.restart_broker] * plan.broker_restarts
    every = plan.kills // (len(once) + 1) + 1
    often = [harm.kill] * 5 + [harm.kill_in_insert] * 6 + [harm.lose_answer] * 2 + [harm.zombie]
    turn, give_up = 0, monotonic() + plan.seconds
    while monotonic() < give_up:
        enough = harm.done["kills"] >= plan.kills and harm.done["kills_in_insert"] >= 0.3 * plan.kills
        if enough and not once:
            return
        harm.tend()
        turn += 1
        if once and (enough or turn % every == 0):
            once.pop()()
        else:
            harm.chance.choice(often)()
        say(", ".join(f"{name} {count}" for name, count in harm.done.items()))


def claimed(dsn: str) -> dict[int, int]:
    """The last stored offset of every partition, -1 where there is none; nothing while the store does not answer."""
    query = (
        "SELECT partition, max(offset_to) AS last FROM windows "
        "WHERE row_kind = 'range' AND topic = 'ai.telemetry' GROUP BY 1"
    )
    with suppress(AssertionError):
        found = {int(row["partition"]): int(row["last"]) for row in ask(dsn, query)}
        return dict.fromkeys(range(PARTITIONS), -1) | found
    return {}


def settle(dsn: str, slots: list[Slot], wanted: int) -> bool:
    """Let the workers finish what is in Kafka; whether they did within 90 s after the last progress."""
    count = "SELECT sum(records) AS n FROM windows WHERE row_kind = 'range' AND topic = 'ai.telemetry'"
    stored, give_up = 0, monotonic() + 90
    while monotonic() < give_up:
        for slot in slots:
            slot.tend()
        with suppress(AssertionError):
            before, stored = stored, int(ask(dsn, count)[0]["n"])
            if stored >= wanted:
                return True
            if stored > before:
                give_up = monotonic() + 90
        time.sleep(1.0)
    return False


def start_slots(folder: Path, broker: str, served: Served) -> list[Slot]:
    """Two places for workers, each with a relay of its own to the store."""
    options = {"FLUSH_INTERVAL": "0.2", "SESSION_TIMEOUT": str(SESSION), "LOG_LEVEL": "warning"}
    slots = []
    for number in range(2):
        meddler = Meddler(served.port)
        meddler.start()
        slots.append(Slot(number, meddler, Workers(folder, broker, served.settings | options)))
    return slots


def torment(plan: Plan, feed: Feed, harm: Harm) -> dict[str, Any]:
    """Traffic, harm, and the count at the end."""
    disk, slots = harm.served.folder, harm.slots
    feed.start()
    play(harm, plan, disk if os.path.ismount(disk) else None)
    feed.stop()
    say(f"{len(feed.sent):,} records sent; the workers finish")
    dsn = f"chdb://{disk / 'store'}"
    topic = read_topic(feed.broker)
    settled = settle(dsn, slots, len(topic))
    if not settled:
        say("the workers stand still; they are killed, so that others finish")
        for slot in slots:
            slot.kill()
        settle(dsn, slots, len(topic))
    ends: Counter[int] = sum((slot.ends for slot in slots), Counter())
    exits = {"exit_codes": {str(code): count for code, count in ends.items()}}
    found = verdict(dsn, feed.sent, topic, dead_letters(feed.broker), feed.refused) | exits
    found |= {"stalled_at_end": not settled, "recovered_s": [round(took, 1) for took in harm.recovered]}
    return dict(harm.done) | found | ({"producer_problem": feed.problem} if feed.problem else {})


def run(plan: Plan, seed: int) -> dict[str, Any]:
    """One whole run."""
    folder = Path(tempfile.mkdtemp(prefix="vigil-crash-"))
    disk = folder / "disk"
    disk.mkdir()
    mounted = plan.full_disk and tmpfs(disk)
    try:
        with broker_of(folder) as (broker, kafka):
            found = on_broker(plan, seed, folder, broker, kafka)
            return found | {"broker": "kafka" if kafka else "tansu", "disk_could_be_filled": mounted}
    finally:
        if mounted:
            subprocess.run(["umount", str(disk)], check=False)  # noqa: S607  # found on the PATH of any Linux
        shutil.rmtree(folder, ignore_errors=True)


def on_broker(plan: Plan, seed: int, folder: Path, broker: str, kafka: Kafka | None) -> dict[str, Any]:
    """A store and workers in this folder, and their torment."""
    served, slots = Served(folder / "disk"), list[Slot]()
    chance, dsn = random.Random(seed), f"chdb://{folder / 'disk' / 'store'}"  # noqa: S311  # chance, not secrets
    try:
        ensure_topics(broker, TOPICS, PARTITIONS)
        slots += start_slots(folder, broker, served)
        return torment(plan, Feed(broker, seed), Harm(slots, served, chance, partial(claimed, dsn), kafka))
    finally:
        for slot in slots:
            slot.workers.stop()
        served.stop()


def main() -> int:
    """Run, write the result of a full run, print one JSON object as the last line."""
    quick = is_quick(environment())
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of who is harmed when, and of the data")
    seed = parser.parse_args().seed
    result = run(QUICK if quick else FULL, seed) | {"seed": seed} | about(quick)
    for key in ("kills", "kills_in_insert", "zombies", "answers_lost", "broker_restarts", "stalls_after_restarts"):
        result.setdefault(key, 0)
    finish("crash", result, quick)
    return 0 if result["exact"] and not result["stalls_after_restarts"] and not result["stalled_at_end"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
