"""Workers that are started again whatever ends them, traffic that goes on, and the harm that is done to both."""

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.brokers import Kafka
from benchmarks.common import last_words, say
from benchmarks.meddler import Meddler
from monitor.clock import monotonic
from monitor.errors import UserError
from monitor.producing import sender
from tests.e2e.processes import Served, Workers
from tests.e2e.recount import Sent, records

RATE = 1500
"""Records a second."""
_STALLED_AFTER = 100.0
"""Seconds after a broker's restart in which every partition must be read on, or its worker is called stalled."""
SESSION = 3.0
"""Seconds without a heartbeat until Kafka gives partitions away."""


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
                code = self.process.returncode
                self.ends[code] += 1
                if code > 0:  # by itself; why, its log says, which both slots' workers write to
                    say(f"a worker ended with exit code {code}: {last_words(self.workers.folder / 'worker.log')}")
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
    problem: str = ""
    """Why the broker did not acknowledge everything; empty when it did."""
    refused: int = 0
    """Records it did not acknowledge; some of them may be in the topic nevertheless."""
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
        try:
            self._send()
        except UserError as error:
            self.problem = str(error)

    def _send(self) -> None:
        block = 0
        with sender(self.broker, "crash") as out:
            while not self._stop.is_set():
                self.refused = out.refused
                part = records(self.seed * 100_003 + block, RATE)
                started = monotonic()
                for i, (emitter, value) in enumerate(part):
                    out.send("ai.telemetry", value, emitter)
                    if i % 50 == 0:
                        time.sleep(max(started + i / RATE - monotonic(), 0.0))
                self.sent += part
                block += 1
            out.producer.flush()
            self.refused = out.refused


@dataclass
class Harm:
    """What is done to the system, and how often it was done."""

    slots: list[Slot]
    served: Served
    chance: random.Random
    claimed: Callable[[], dict[int, int]]
    """The last stored offset of every partition, -1 where there is none; nothing while the store is away."""
    kafka: Kafka | None = None
    """None for a broker that loses its data when it ends."""
    recovered: list[float] = field(default_factory=list)
    """Seconds from each restart of the broker until every partition was read on."""
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

    def restart_broker(self) -> None:
        """The broker ends, by SIGKILL and SIGTERM in turn, stays away for some seconds, and has its data still."""
        if self.kafka is None:
            return
        how = (signal.SIGKILL, signal.SIGTERM)[self.done["broker_restarts"] % 2]
        before = self._ended()
        self.kafka.restart(how, self.chance.uniform(0.0, 2 * SESSION))
        self.done["broker_restarts"] += 1
        took = self._until_all_go_on()
        if took is None:
            self.done["stalls_after_restarts"] += 1
            for slot in self.slots:
                slot.kill()  # a supervisor would see nothing wrong with them, so they would stand for ever
        else:
            self.recovered.append(took)
        self.done["workers_ended_by_restarts"] += self._ended() - before

    def _until_all_go_on(self) -> float | None:
        """Seconds until records of every partition are stored again; None when one stands still for too long."""
        begin, before = monotonic(), self.claimed()
        while (passed := monotonic() - begin) < _STALLED_AFTER:
            time.sleep(0.5)
            self.tend()
            found = self.claimed()
            before = before or found  # the store may have been away
            if before and all(found.get(partition, -1) > offset for partition, offset in before.items()):
                return passed
        return None

    def _ended(self) -> int:
        """Workers that have ended so far without being killed, and were started anew."""
        return sum(slot.ends.total() - slot.ends[-signal.SIGKILL] for slot in self.slots)

    def fill_disk(self, folder: Path) -> None:
        """The store's disk is full for ten seconds."""
        filler = folder / "filler"
        with suppress(OSError), filler.open("wb") as out:
            while True:
                out.write(b"\0" * 2**20)
        time.sleep(10.0)
        filler.unlink()
        self.done["disk_full"] += 1
