"""The OpenTelemetry Collector on loopback: OTLP over HTTP in, Kafka out. Go builds it once, then it is kept."""

from pathlib import Path
from typing import Literal

from monitor.leash import Child, start
from monitor.ports import free_port, wait_for_port
from schemas.topics import OTLP_TOPIC
from tests import go_programs

Encoding = Literal["otlp_proto", "otlp_json"]

HERE = Path(__file__).parent
BUILD_SECONDS = 600
CONFIG = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
processors:
  batch:
    timeout: 200ms
exporters:
  kafka:
    brokers: ["{broker}"]
    partition_traces_by_id: true
    traces:
      topic: {topic}
      encoding: {encoding}
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [kafka]
"""


def program() -> Path:
    """The Collector's program, built when it is not there. UserError when it cannot be."""
    return go_programs.build(HERE, {"collector": "."}, BUILD_SECONDS) / "collector"


def start_collector(folder: Path, broker: str, encoding: Encoding) -> tuple[Child, str]:
    """A Collector that listens, and where it takes traces. UserError when there can be none."""
    port, config, log = free_port(), folder / "collector.yaml", folder / "collector.log"
    config.write_text(CONFIG.format(port=port, broker=broker, topic=OTLP_TOPIC.name, encoding=encoding))
    child = start("OpenTelemetry Collector", [str(program()), "--config", f"file:{config}"], log)
    wait_for_port(child, port, log)
    return child, f"http://127.0.0.1:{port}/v1/traces"
