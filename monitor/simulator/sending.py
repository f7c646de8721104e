"""A plan sent to Kafka in real time."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kafka.errors import KafkaError

from monitor.broker import Broker
from monitor.clock import Timer, monotonic
from monitor.errors import UserError
from monitor.producing import sender
from monitor.simulator.generate import generate
from monitor.simulator.plan import Plan, Tally

_NAP = 0.05  # seconds; at 120 per second a nap's worth is 6 records, sent together
_TICK = 1.0

OnTick = Callable[[Tally, bool], None]
"""Called about once a second, and at the end with True. It may block, and delays the sending if it does."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes: `speed` 2 sends a minute of the plan in half a minute; `sleep` None waits for the stop."""

    speed: float = 1.0
    timer: Timer = monotonic
    sleep: Callable[[float], object] | None = None


def simulate(
    broker: Broker | str,
    plan: Plan,
    pace: Pace | None = None,
    stop: threading.Event | None = None,
    on_tick: OnTick | None = None,
) -> Tally:
    """Send the plan's records when they are due, until it ends or `stop` is set; blocks.

    When it falls behind it catches up without naps. What the tally says was sent, the broker has
    acknowledged. Raises UserError when the broker is away or refuses records.
    """
    pace, stop = pace or Pace(), stop or threading.Event()
    sleep, tally = pace.sleep or stop.wait, Tally()
    began = ticked = pace.timer()
    try:
        with sender(broker, "vigil-simulate") as out:
            for record in generate(plan, tally):
                due = began + record.at / pace.speed
                while not stop.is_set() and (wait := due - pace.timer()) > 0.0:
                    sleep(min(max(wait, _NAP), _TICK))
                    ticked = _tick(ticked, pace.timer(), tally, out.flush, on_tick)
                if stop.is_set():
                    break
                out.send(record.topic, record.value, record.key)
                ticked = _tick(ticked, pace.timer(), tally, out.flush, on_tick)
    except KafkaError as error:
        raise UserError(f"the broker at {broker} went away ({type(error).__name__}); start it again") from error
    if on_tick is not None:
        on_tick(tally, True)
    return tally


def event_start(at: datetime, seconds: float | None, speed: float) -> datetime:
    """When event time begins, so that no event lies in the future when it is sent.

    Faster than real time, the events are of the past and reach the present at the end.
    Raises UserError for an endless simulation that is faster than time.
    """
    if speed <= 0.0:
        raise UserError("--speed is above 0")
    if speed <= 1.0:
        return at
    if seconds is None:
        raise UserError("--speed above 1 needs --seconds, as events would run ahead of the clock")
    return at - timedelta(seconds=seconds * (1.0 - 1.0 / speed))


def report(plan: Plan, tally: Tally, done: bool) -> str:
    """One line of JSON: the tally's counts, started (RFC 3339), done, truth (null without a scenario)."""
    start = plan.start.astimezone(UTC).isoformat()
    return json.dumps(asdict(tally) | {"started": start, "done": done, "truth": plan.truth()})


def write_status(path: Path, text: str) -> None:
    """The file with this text, whole at every moment a reader may look."""
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n")
    part.replace(path)


def _tick(last: float, moment: float, tally: Tally, flush: Callable[[], None], on_tick: OnTick | None) -> float:
    if moment - last < _TICK:
        return last
    flush()  # a broker that refuses is noticed within a second
    if on_tick is not None:
        on_tick(tally, False)
    return moment


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop` while inside; main thread only."""

    def handle(*_: object) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
