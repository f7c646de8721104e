"""Recorded telemetry into Kafka: read rows, map them to a contract, give them times, send them."""
