"""Replays into a real broker, and the command's own mistakes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer
from pydantic import TypeAdapter

from monitor.embedded import start_broker
from monitor.errors import UserError
from monitor.ports import free_port
from monitor.replay.run import Options, World, replay, replay_command
from schemas.codec import Reject, decode
from schemas.telemetry import TELEMETRY, Telemetry
from schemas.topics import TELEMETRY_TOPIC
from tests.replay.recordings import MAP, NOW, awkward, by_slice, settings, slices

READS: TypeAdapter[Any] = TELEMETRY


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(MAP)
    return path


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    child = start_broker(port, tmp_path_factory.mktemp("broker") / "log")
    yield port
    child.stop()


def consumed(port: int, count: int) -> list[tuple[bytes, Telemetry | Reject]]:
    consumer = KafkaConsumer(
        TELEMETRY_TOPIC.name,
        bootstrap_servers=f"127.0.0.1:{port}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=10_000,
    )
    out: list[tuple[bytes, Telemetry | Reject]] = []
    for record in consumer:
        event: Telemetry | Reject = decode(READS, record.value)
        out.append((record.key, event))
        if len(out) == count:
            break
    consumer.close()
    return out


def test_the_broker_has_every_record_and_each_decodes(broker: int, tmp_path: Path, map_file: Path) -> None:
    frame = awkward(2000)
    frame.to_parquet(tmp_path / "a.parquet")
    command = [str(tmp_path / "a.parquet"), "--map", str(map_file), "--broker", f"127.0.0.1:{broker}", "--json"]
    result = CliRunner().invoke(replay_command, command, catch_exceptions=False)
    summary = json.loads(result.stdout)
    assert summary["sent"] == summary["events"] + summary["heartbeats"]
    records = consumed(broker, summary["sent"])
    assert len(records) == summary["sent"]
    assert {key for key, _ in records} == {b"replay"}
    events = [event for _, event in records if not isinstance(event, Reject)]
    assert len(events) == len(records)
    assert slices(events) == by_slice(frame)
    assert max(event.ts for event in events).timestamp() <= datetime.now(UTC).timestamp()


def test_recorded_speed_waits_for_each_event(broker: int, tmp_path: Path, map_file: Path) -> None:
    awkward(100).to_parquet(tmp_path / "a.parquet")
    passed = [0.0]

    def wait(seconds: float) -> None:
        passed[0] += seconds

    world = World(clock=lambda: NOW, timer=lambda: passed[0], wait=wait)
    options = Options(tmp_path / "a.parquet", map=map_file, speed=2.0, heartbeats=False)
    summary = replay(options, settings(broker), world)
    assert passed[0] == pytest.approx(99 * 0.3 / 2)
    assert summary.sent == 100

    def interrupt(seconds: float) -> None:
        if passed[0] > 20:
            raise KeyboardInterrupt
        wait(seconds)

    summary = replay(options, settings(broker), World(lambda: NOW, lambda: passed[0], interrupt))
    assert summary.interrupted
    assert 0 < summary.sent < 100


def test_mistakes_of_the_command_say_what_to_do(tmp_path: Path, map_file: Path) -> None:
    awkward(3).assign(model="m").to_parquet(tmp_path / "a.parquet")
    file = str(tmp_path / "a.parquet")

    def fails(*arguments: str) -> str:
        with pytest.raises(UserError) as error:
            CliRunner().invoke(replay_command, arguments, catch_exceptions=False)
        return str(error.value)

    assert "there is no file" in fails(str(tmp_path / "b.parquet"), "--map", str(map_file))
    assert "--dry-run" in fails(file, "--map", str(map_file), "--show", "3")
    map_file.write_text(MAP.replace("verdict", "model"))
    assert "no row became an event, most for unlisted_value: refusal.refused" in fails(
        file, "--map", str(map_file), "--dry-run"
    )
    map_file.write_text(MAP.replace('"tokens"', '"token"'))
    assert "no column 'token'; did you mean 'tokens'?" in fails(file, "--map", str(map_file), "--dry-run")
    assert "quick" in CliRunner().invoke(replay_command, [file, "--speed", "quick"]).output
    assert CliRunner().invoke(replay_command, ["--help"]).exit_code == 0
