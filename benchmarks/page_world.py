"""The world of `make bench-page`: features of one size, their past, and on each a refusal spike at a moment of its own.

`python -m benchmarks.page_world history|traffic ORDER` does its work in a process of its own: an embedded store
belongs to one process, and traffic must not wait for whoever measures.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from heapq import merge
from operator import attrgetter
from pathlib import Path
from random import Random

from monitor.clock import Clock, now
from monitor.producing import sender
from monitor.simulator.generate import generate
from monitor.simulator.history import history
from monitor.simulator.plan import Plan, Record, Tally
from monitor.simulator.profiles import PROFILES, Profile
from monitor.simulator.scenarios import RefusalSpike
from monitor.simulator.traffic import Traffic
from monitor.store.endpoint import open_writer
from monitor.store.migrate import migrate
from monitor.store.windows import insert_cells
from monitor.windows import window_start

RATE, FACTOR = 20.0, 5.0
"""Interactions per second of each feature, and how many times as often they are refused in the spike."""
TOPIC = "simulated.history"
"""Stands in the rows' `topic`, as that of the demo's history."""
_NAP = 0.05


@dataclass(frozen=True, slots=True)
class Order:
    """What a world is. Times in seconds after `start`, which is in Unix seconds and begins a window."""

    broker: str
    store: str
    """A DSN, as VIGIL_STORE takes it."""
    rounds: int
    seed: int
    hours: int
    """Of history before the start."""
    start: float
    seconds: float
    """How long traffic flows."""
    first: float
    spread: float
    """The spikes begin between `first` and `first + spread`."""
    lasts: float
    """How long each spike lasts."""


def features(rounds: int) -> tuple[Profile, ...]:
    """As many features as rounds, alike but for their names; each has its share of the traffic."""
    chat = PROFILES[0]
    return tuple(replace(chat, name=f"chat-{number}", share=1.0 / rounds) for number in range(rounds))


def traffic(rounds: int) -> Traffic:
    """RATE for each feature at every hour of every day, so that a result does not depend on when it was measured."""
    return Traffic(RATE * rounds, swing=0.0, weekend=1.0)


def onsets(order: Order) -> list[float]:
    """When each spike begins, in seconds after the start: one in each equal part of the spread, anywhere in it."""
    chance = Random(order.seed)  # noqa: S311  # for test data, not for secrets
    step = order.spread / order.rounds
    return [order.first + step * (number + chance.random()) for number in range(order.rounds)]


def plans(order: Order) -> list[Plan]:
    """One plan for each feature, with its spike in it."""
    start = datetime.fromtimestamp(order.start, UTC)
    return [
        Plan(
            start,
            order.seed + number,
            order.seconds,
            replace(traffic(order.rounds), rate=RATE),
            (replace(profile, share=1.0),),
            RefusalSpike(profile.name, onset, order.lasts, FACTOR),
        )
        for number, (profile, onset) in enumerate(zip(features(order.rounds), onsets(order), strict=True))
    ]


def together(several: Sequence[Plan]) -> Iterator[Record]:
    """The records of plans that start at one moment, in the order in which they are to be sent."""
    if len({plan.start for plan in several}) > 1:
        raise ValueError("plans that are sent together start at one moment")
    return merge(*(generate(plan, Tally()) for plan in several), key=attrgetter("at"))


def play(broker: str, several: Sequence[Plan], going_on: Callable[[], bool] = lambda: True, clock: Clock = now) -> None:
    """Send the plans' records when they are due, until they end or `going_on` says no. What is overdue goes at once.

    Raises UserError when the broker is away or refuses records.
    """
    start = several[0].start.timestamp()
    with sender(broker, "vigil-bench-page") as out:
        for record in together(several):
            while going_on() and (wait := start + record.at - clock().timestamp()) > 0.0:
                time.sleep(min(max(wait, _NAP), 1.0))
            if not going_on():
                return
            out.send(record.topic, record.value, record.key)


def load(store: str, profiles: Sequence[Profile], flow: Traffic, end: float, hours: int, seed: int = 1) -> None:
    """Write the windows of the hours before `end`, Unix seconds, into an embedded store. Blocking."""
    client = open_writer(store)
    migrate(client)
    moment = datetime.fromtimestamp(window_start(end), UTC)
    for number, columns in enumerate(history(moment, hours, seed, flow, tuple(profiles))):
        insert_cells(client, TOPIC, columns, "history", f"history-{seed}-{number}")
    client.close()


def written(order: Order, path: Path) -> Path:
    """The order as a file, for the process that is to carry it out."""
    path.write_text(json.dumps(asdict(order)))
    return path


def main(what: str, path: Path) -> None:
    """Carry an order out."""
    order = Order(**json.loads(path.read_text()))
    if what == "history":
        load(order.store, features(order.rounds), traffic(order.rounds), order.start, order.hours, order.seed)
    else:
        play(order.broker, plans(order))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
