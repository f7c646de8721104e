"""`make bench-crash`: workers are killed, paused, cut off and starved; at the end the topic is counted again.

Two workers of one group write to one store in another process. At random moments one of them is killed
with SIGKILL, or killed inside a running INSERT, or paused past its session, or loses the answer of an
INSERT that succeeded; the store goes away for a while; the disk runs full; the broker is restarted.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer

from benchmarks.common import about, finish, is_quick, say
from benchmarks.meddler import Meddler
from monitor.clock import monotonic
from monitor.embedded import free_port, start_broker
from monitor.errors import UserError
from monitor.leash import Child
from monitor.producing import ensure_topics, sender
from monitor.settings import environment
from schemas.topics import DEAD_LETTER_TOPIC, TOPICS
from tests.e2e.ask import ask
from tests.e2e.processes import Served, Workers
from tests.e2e.recount import Sent, records, recount
from tests.kafka.broker import start_kafka

PARTITIONS = 8
RATE = 1500
SESSION = 3.0


@dataclass
class Slot:
    """A place for one worker: whatever ends it, another one is started there."""

    number: int
    meddler: Meddler
    workers: Workers
    process: subprocess.Popen[bytes] | None = None
    ends: Counter[int] = field(default_factory=Counter)

    def start(self) -> None:
        """Start a worker that reaches the store through the meddler."""
        store = f"http://default@127.0.0.1:{self.meddler.port}"
        self.process = self.workers.start(STORE=store)

    def tend(self) -> None:
        """Start another worker where one has ended."""
        if self.process is None or self.process.poll() is not None:
            if self.process is not None:
                self.ends[self.process.returncode] += 1
            self.start()

    def kill(self) -> bool:
        """SIGKILL. Whether there was a worker to kill."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(signal.SIGKILL)
        return True


@dataclass
class Feed:
    """Sends records at a steady rate, and keeps them all."""

    broker: str
    seed: int
    sent: Sent = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; everything sent is in Kafka when this returns."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        block = 0
        with sender(self.broker, "crash") as out:
            while not self._stop.is_set():
                part = records(self.seed * 100_003 + block, RATE)
                started = monotonic()
                for i, (emitter, value) in enumerate(part):
                    out.send("ai.telemetry", value, emitter)
                    if i % 50 == 0:
                        time.sleep(max(started + i / RATE - monotonic(), 0.0))
                self.sent += part
                block += 1


@dataclass
class Harm:
    """What is done to the system, and how often it was done."""

    slots: list[Slot]
    served: Served
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def tend(self) -> None:
        """Start workers where some have ended."""
        for slot in self.slots:
            slot.tend()

    def kill(self) -> None:
        """SIGKILL at a random moment."""
        time.sleep(self.chance.uniform(0.0, 3.0))
        self.done["kills"] += self.chance.choice(self.slots).kill()

    def kill_in_insert(self) -> None:
        """SIGKILL within milliseconds after an INSERT was handed to the store, before its answer is read."""
        slot = self.chance.choice(self.slots)
        pause, hit = self.chance.uniform(0.0, 0.004), threading.Event()

        def strike() -> None:
            time.sleep(pause)
            if slot.kill():
                self.done["kills"] += 1
                self.done["kills_in_insert"] += 1
            hit.set()

        slot.meddler.on_insert = strike
        give_up = monotonic() + 15
        while not hit.wait(0.2) and monotonic() < give_up:
            self.tend()
        slot.meddler.on_insert = None

    def zombie(self) -> None:
        """Pause a worker past its session, so that another takes over; then let it go on."""
        slot = self.chance.choice(self.slots)
        process = slot.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGSTOP)
        give_up = monotonic() + 3 * SESSION
        while monotonic() < give_up:
            self.tend()
            time.sleep(0.2)
        process.send_signal(signal.SIGCONT)
        self.done["zombies"] += 1

    def lose_answer(self) -> None:
        """The next INSERT succeeds, and its sender is not told."""
        self.chance.choice(self.slots).meddler.drop_answer = True
        time.sleep(2.0)
        self.done["answers_lost"] = sum(slot.meddler.dropped for slot in self.slots)

    def freeze_store(self, seconds: float) -> None:
        """The store does not answer for a while."""
        self.served.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.served.process.send_signal(signal.SIGCONT)
        self.done["store_frozen"] += 1

    def fill_disk(self, folder: Path) -> None:
        """The store's disk is full for ten seconds."""
        filler = folder / "filler"
        with suppress(OSError), filler.open("wb") as out:
            while True:
                out.write(b"\0" * 2**20)
        time.sleep(10.0)
        filler.unlink()
        self.done["disk_full"] += 1


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
