"""quixstreams: an application with one update() on its JSON dataframe; it decodes with orjson itself."""

import logging

from quixstreams import Application  # type: ignore[import-not-found,unused-ignore]  # lives in .venv-peers

from benchmarks.peers.work import Meter, arguments, key_of


def main() -> None:
    """Run the application until the meter ends the process."""
    given = arguments()
    meter = Meter("quixstreams", given.total, ("quixstreams", "confluent-kafka", "orjson"))
    app = Application(
        given.broker,
        consumer_group=given.group,
        auto_offset_reset="earliest",
        consumer_extra_config={"session.timeout.ms": 6000},
        auto_create_topics=False,
        loglevel=logging.WARNING,
    )
    counts = meter.counts

    def count(event: dict[str, object]) -> None:
        counts[key_of(event)] += 1
        meter.seen += 1
        if meter.seen >= meter.total:
            meter.finish()

    app.dataframe(app.topic(given.topic, value_deserializer="json")).update(count)
    meter.start()
    app.run()


if __name__ == "__main__":
    main()
