import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from monitor.embedded import start_broker
from monitor.errors import UserError
from monitor.normal import normal_command
from monitor.ports import free_port
from monitor.producing import ensure_topics
from schemas.topics import CHANGES_TOPIC


@pytest.fixture(name="broker")
def _broker(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    child = start_broker(port, tmp_path / "broker.log")
    ensure_topics(f"127.0.0.1:{port}", [CHANGES_TOPIC], 1)
    yield f"127.0.0.1:{port}"
    child.stop()


def test_it_sends_a_change_that_the_contract_takes(broker: str) -> None:
    asked = ["--broker", broker, "--feature", "chat", "--what", "prompt", "--to", "v7", "--at", "2026-11-20T10:00:00Z"]
    result = CliRunner().invoke(normal_command, asked, catch_exceptions=False)
    assert "chat learns what is normal from 2026-11-20T10:00:00+00:00 on" in result.output
    consumer = KafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(CHANGES_TOPIC.name, 0)])
    [[record]] = consumer.poll(timeout_ms=10_000).values()
    consumer.close()
    change = CHANGES_TOPIC.adapter.validate_json(record.value)
    assert (change.feature, change.what, change.to_version, change.new_baseline) == ("chat", "prompt", "v7", True)
    assert json.loads(record.value)["ts"] == "2026-11-20T10:00:00Z"


def test_all_features_are_meant_only_where_that_is_said(broker: str) -> None:
    asked = ["--broker", broker, "--all-features", "--what", "model"]
    result = CliRunner().invoke(normal_command, asked, catch_exceptions=False)
    assert "every feature learns what is normal" in result.output
    consumer = KafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(CHANGES_TOPIC.name, 0)])
    [[record]] = consumer.poll(timeout_ms=10_000).values()
    consumer.close()
    assert CHANGES_TOPIC.adapter.validate_json(record.value).feature is None


@pytest.mark.parametrize("whose", [[], ["--feature", "chat", "--all-features"]], ids=["neither", "both"])
def test_one_feature_or_all_of_them_must_be_said_before_anything_is_sent(whose: list[str]) -> None:
    result = CliRunner().invoke(normal_command, ["--broker", "127.0.0.1:1", "--what", "model", *whose])
    assert isinstance(result.exception, UserError)
    assert "give --feature NAME, or --all-features" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--at", "yesterday", "is no time"),
        ("--at", "2026-11-20T10:00:00", "has no zone"),
        ("--feature", "a b", "--feature"),
        ("--author", "ann@example.org", "--author-ref"),
    ],
)
def test_what_the_contract_would_refuse_is_not_sent(option: str, value: str, told: str) -> None:
    whose = [] if option == "--feature" else ["--feature", "chat"]
    result = CliRunner().invoke(normal_command, ["--broker", "127.0.0.1:1", "--what", "model", *whose, option, value])
    assert isinstance(result.exception, UserError)
    assert told in str(result.exception)
    assert "ann@" not in str(result.exception)
