"""The records of a plan, in the order in which they are sent. No I/O; the plan holds the time and the seed."""

import json
from bisect import bisect_left
from collections.abc import Generator, Iterator
from operator import attrgetter

from monitor.simulator.feature import Feature, stamp
from monitor.simulator.plan import Plan, Record, Tally
from monitor.windows import WINDOW_SECONDS
from schemas.topics import CHANGES_TOPIC

_SECOND = 1_000_000
_WINDOW = WINDOW_SECONDS * _SECOND
_STEP = 2 * _SECOND  # shorter steps cost more, longer ones leave the sender idle and then in a hurry
_AFTER = 1.0
_at = attrgetter("at")


def generate(plan: Plan, tally: Tally) -> Generator[Record]:
    """Records by the time they are to be sent; each is counted in `tally` when the next is asked for.

    Event times lie in [0, seconds) after the start. What is still under way at the end (late
    arrivals, repeats) is sent within a second after it.
    """
    features = [Feature(plan, position) for position in range(len(plan.profiles))]
    pending = list(_changes(plan))
    for begin, end in _steps(plan):
        for feature in features:
            pending.extend(feature.step(begin, end, tally))
        if end % _WINDOW == 0:
            for feature in features:
                pending.extend(feature.heartbeats(end))
        pending.sort(key=_at)  # stable: of two at one moment, the one made first goes first
        ready = bisect_left(pending, (end - plan.start_us) / _SECOND, key=_at)
        yield from _counted(pending[:ready], tally)
        del pending[:ready]
    if plan.seconds is not None:
        last = plan.seconds + _AFTER
        yield from _counted([record._replace(at=min(record.at, last)) for record in pending], tally)


def _counted(records: list[Record], tally: Tally) -> Iterator[Record]:
    for record in records:
        yield record
        tally.count(record.note)  # not before: who stops here has not sent it


def _steps(plan: Plan) -> Iterator[tuple[int, int]]:
    """Begin and end in Unix microseconds. A step never crosses a window's edge."""
    last = None if plan.seconds is None else plan.start_us + round(plan.seconds * _SECOND)
    begin = plan.start_us
    while last is None or begin < last:
        edge = (begin // _STEP + 1) * _STEP
        end = edge if last is None else min(edge, last)
        yield begin, end
        begin = end


def _changes(plan: Plan) -> Iterator[Record]:
    """The deploys of the scenario, half a second after they took effect."""
    if plan.scenario is None:
        return
    profile = next(profile for profile in plan.profiles if profile.name == plan.scenario.feature)
    for number, (at, fields) in enumerate(plan.scenario.changes(profile)):
        if plan.seconds is not None and at >= plan.seconds:
            continue
        event = {
            "kind": "change",
            "event_id": f"change:{plan.start_us:x}:{plan.seed}:{number}",
            "ts": stamp(plan.start_us + round(at * _SECOND)),
            "emitter": "deployer",
        } | fields
        yield Record(
            at + 0.5, CHANGES_TOPIC.name, "deployer", json.dumps(event, separators=(",", ":")).encode(), "change"
        )
