"""bytewax: its Kafka source, and the work in one flat_map_batch, its fastest operator; no group, one worker."""

import bytewax.operators as op  # type: ignore[import-not-found,unused-ignore]  # lives in .venv-peers
import orjson  # type: ignore[import-not-found,unused-ignore]  # as above
from bytewax.connectors.kafka import KafkaSource  # type: ignore[import-not-found,unused-ignore]  # as above
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found,unused-ignore]  # as above
from bytewax.testing import TestingSink, run_main  # type: ignore[import-not-found,unused-ignore]  # as above

from benchmarks.peers.work import Meter, arguments


def main() -> None:
    """Run the dataflow until the meter ends the process."""
    given = arguments()
    meter = Meter("bytewax", given.total, ("bytewax", "confluent-kafka", "orjson"))

    def count(messages: list[object]) -> list[object]:
        meter.take([message.value for message in messages], orjson.loads)  # type: ignore[attr-defined]  # bytewax's
        return []

    flow = Dataflow("count")
    events = op.input("events", flow, KafkaSource([given.broker], [given.topic], batch_size=5000))
    op.output("out", op.flat_map_batch("count", events, count), TestingSink([]))
    meter.start()
    run_main(flow)


if __name__ == "__main__":
    main()
