"""What becomes of an event of each kind: whether it is counted, by which mask, and where it is stored."""

from collections.abc import Callable
from typing import Any

from schemas.fast import FAST
from schemas.outcomes import evaluation_mask, interaction_mask
from schemas.telemetry import Heartbeat
from schemas.topics import OTLP_TOPIC, TELEMETRY_TOPIC

COUNTED = (TELEMETRY_TOPIC.name, OTLP_TOPIC.name)
"""Topics whose events are counted in windows, and whose watermarks close them."""
CONTRACT = {OTLP_TOPIC.name: TELEMETRY_TOPIC.name}
"""Whose contract the events of a topic follow, where it is not their own."""
STRUCTS: dict[str, Any] = {kind: struct for fast in FAST.values() for kind, struct in fast.structs.items()}
HEARTBEAT: Any = STRUCTS["heartbeat"]
INTERACTION: Any = STRUCTS["interaction"]
MASKS: dict[type, Callable[[Any], int]] = {
    INTERACTION: interaction_mask,
    STRUCTS["evaluation"]: evaluation_mask,
}
TABLES = {
    INTERACTION: "telemetry",
    STRUCTS["evaluation"]: "telemetry",
    STRUCTS["heartbeat"]: "heartbeats",
    STRUCTS["change"]: "changes",
    STRUCTS["review"]: "reviews",
}
"""Where an event of each kind is stored."""


def heartbeat(row: Any) -> Heartbeat:
    """The model of a heartbeat's row; few come, and the counting wants its times as times."""
    said = {name: getattr(row, name) for name in Heartbeat.model_fields if name != "kind"}
    return Heartbeat(kind="heartbeat", **said)
