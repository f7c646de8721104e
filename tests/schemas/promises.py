"""What holds of every answer of `decode`, for tests to call on whatever they think up."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.codec import Reject, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.topics import TOPICS, Topic

topics = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def dead_letter(reject: Reject) -> DeadLetter:
    """The dead letter of a refused record; raises when the reject does not fit into one."""
    return DeadLetter(
        source_topic="ai.telemetry",
        source_partition=0,
        source_offset=0,
        reason=reject.reason,
        field=reject.field,
        payload_sha256="0" * 64,
        payload_bytes=1,
        rejected_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


def check(topic: Topic, value: bytes) -> Any:
    """Decode, and hold whatever comes out to its promise."""
    answer = decode(topic.adapter, value)
    if isinstance(answer, Reject):
        dead_letter(answer)
    else:
        assert decode(topic.adapter, encode(answer, topic.adapter)) == answer
    return answer
