"""The OpenTelemetry Collector on loopback: OTLP over HTTP in, Kafka out. Go builds it once, then it is kept."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from monitor.embedded import free_port, wait_for_port
from monitor.errors import UserError
from monitor.leash import Child, start
from schemas.topics import OTLP_TOPIC

Encoding = Literal["otlp_proto", "otlp_json"]

HERE = Path(__file__).parent
TARGET = HERE / "target"
SOURCES = ("go.mod", "go.sum", "main.go")
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
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    stamp, built = TARGET / "built", TARGET / "collector"
    if built.exists() and stamp.exists() and stamp.read_text() == wanted:
        return built
    if shutil.which("go") is None:
        raise UserError("install Go, which builds the OpenTelemetry Collector")
    TARGET.mkdir(exist_ok=True)
    # No C compiler, and no other Go than the one that is here.
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    fresh = TARGET / f"collector-{os.getpid()}"
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(fresh), "."]
    try:
        done = subprocess.run(
            command, cwd=HERE, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"Go built no Collector in {BUILD_SECONDS} s; is there a network?") from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise UserError(f"Go built no Collector: {words[-1][:200] if words else done.returncode}")
    fresh.replace(built)
    stamp.write_text(wanted)
    return built


def start_collector(folder: Path, broker: str, encoding: Encoding) -> tuple[Child, str]:
    """A Collector that listens, and where it takes traces. UserError when there can be none."""
    port, config, log = free_port(), folder / "collector.yaml", folder / "collector.log"
    config.write_text(CONFIG.format(port=port, broker=broker, topic=OTLP_TOPIC.name, encoding=encoding))
    child = start("OpenTelemetry Collector", [str(program()), "--config", f"file:{config}"], log)
    wait_for_port(child, port, log)
    return child, f"http://127.0.0.1:{port}/v1/traces"
