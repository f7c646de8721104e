"""Events and the heartbeats between them, one after the other, each sent when it is due."""

from collections.abc import Iterator

from kafka.errors import KafkaError

from monitor.broker import broker_of
from monitor.errors import UserError
from monitor.producing import Sender, ensure_topics, sender
from monitor.replay.events import Event
from monitor.replay.heartbeats import Beat, Heartbeats
from monitor.replay.options import Options, Summary, World
from monitor.replay.timing import Pace
from monitor.replay.values import rfc3339
from monitor.settings import Settings
from schemas.codec import encode
from schemas.telemetry import TELEMETRY, Heartbeat, Interaction
from schemas.topics import TELEMETRY_TOPIC

Line = Iterator[tuple[int, str, bytes]]
"""What to send: recorded moment in microseconds, Kafka key, bytes."""


def timeline(found: Iterator[Event], beats: Heartbeats | None, summary: Summary, pace: Pace, options: Options) -> Line:
    """What to send: recorded moment, Kafka key, bytes. Heartbeats come before the events after them."""
    last = 0
    for event in found:
        model = event.model
        if beats is not None:
            yield from _encoded(beats.before(event.moment), summary)
            if isinstance(model, Interaction) and model.synthetic is None:
                yield from _encoded(beats.count(event.moment, model.emitter, model.feature), summary)
        summary.events += 1
        last = event.moment
        summary.first_ts = summary.first_ts or rfc3339(last + pace.shift)
        summary.last_ts = rfc3339(last + pace.shift)
        yield last, str(getattr(model, options.partition, None) or model.emitter), event.body
    if beats is not None:
        yield from _encoded(beats.end(), summary)


def _encoded(beats: Iterator[Beat], summary: Summary) -> Line:
    for moment, values in beats:
        summary.heartbeats += 1
        yield moment, values["emitter"], encode(Heartbeat.model_validate(values), TELEMETRY)


def show(line: Line, count: int, world: World) -> None:
    """Go through everything without a broker; the first `count` records are shown."""
    for index, (_, _, body) in enumerate(line):
        if index < count:
            world.shown(body.decode())


def send(line: Line, settings: Settings, pace: Pace, world: World, summary: Summary) -> None:
    """Send everything; Ctrl-C ends it early, and what was queued is still sent. Raises UserError."""
    broker = broker_of(settings)
    if settings.create_topics:
        ensure_topics(broker, [TELEMETRY_TOPIC], settings.partitions, settings.replication)
    try:
        with sender(broker, "vigil-replay") as out:
            try:
                _paced(line, out, pace, world)
            except KeyboardInterrupt:
                summary.interrupted = True
            finally:
                summary.sent = out.sent
    except KafkaError as error:
        name = type(error).__name__
        raise UserError(f"{broker} stopped answering ({name}) after {summary.sent} records") from error


def _paced(line: Line, out: Sender, pace: Pace, world: World) -> None:
    begin = world.timer()
    for moment, key, body in line:
        early = pace.due(moment) - (world.timer() - begin)
        if early > 0:
            world.wait(early)
        out.send(TELEMETRY_TOPIC.name, body, key)
