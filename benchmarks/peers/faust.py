"""Plain Faust: an agent over raw values, one event at a time, decoded with orjson."""

import faust
import orjson  # type: ignore[import-not-found,unused-ignore]  # lives in .venv-peers

from benchmarks.peers.work import Arguments, Meter, arguments


def build(given: Arguments, meter: Meter) -> faust.App:
    """The application; the meter starts when partitions are assigned, before anything is fetched."""
    app = faust.App(
        given.group,
        broker=f"kafka://{given.broker}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
    )
    topic = app.topic(given.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(topic)
    async def count(stream):  # type: ignore[no-untyped-def]  # faust has no type for it
        async for value in stream:
            meter.take((value,), orjson.loads)

    @app.on_partitions_assigned.connect()
    async def begin(*_: object, **__: object) -> None:
        if not meter.wall:
            meter.start()

    return app


def main() -> None:
    """Run the worker until the meter ends the process."""
    given = arguments()
    meter = Meter("faust", given.total, ("faust-streaming", "aiokafka", "orjson"))
    app = build(given, meter)
    faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
