"""Every topic, once: name, model, how long Kafka keeps it, and what it is partitioned by."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from schemas.change import Change
from schemas.dead_letter import DeadLetter
from schemas.review import Review
from schemas.telemetry import TELEMETRY


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the contract of its messages; `schemas/json/<stem>.v<version>.schema.json` is its schema."""

    name: str
    adapter: TypeAdapter[Any]
    version: int
    key: str
    retention_days: int

    @property
    def stem(self) -> str:
        """The name of its schema file and examples folder."""
        return f"{self.name}.v{self.version}"


@dataclass(frozen=True, slots=True)
class OtlpTopic:
    """A topic that others write in OpenTelemetry's protocol; docs/otlp.md says what becomes of it."""

    name: str
    retention_days: int


TELEMETRY_TOPIC = Topic("ai.telemetry", TELEMETRY, 1, "emitter", 7)
CHANGES_TOPIC = Topic("ai.changes", TypeAdapter(Change), 1, "emitter", 90)
REVIEWS_TOPIC = Topic("ai.reviews", TypeAdapter(Review), 1, "emitter", 90)
DEAD_LETTER_TOPIC = Topic("ai.telemetry.dlq", TypeAdapter(DeadLetter), 1, "source position", 30)

OTLP_TOPIC = OtlpTopic("ai.telemetry.otlp", 7)

TOPICS: tuple[Topic, ...] = (TELEMETRY_TOPIC, CHANGES_TOPIC, REVIEWS_TOPIC, DEAD_LETTER_TOPIC)
