"""Topic ai.telemetry.dlq: a pointer to a record that was refused, and why. Never its content."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Contract, Count, UtcTime
from schemas.vocabulary import RejectReason


class DeadLetter(Contract):
    """Where the refused record lies, and what was wrong with it.

    Delivery is at least once: (source_topic, source_partition, source_offset) is the key.
    """

    kind: Literal["dead_letter"] = "dead_letter"
    schema_version: Literal[1] = 1
    source_topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    source_partition: Count
    source_offset: Count
    reason: RejectReason
    field: Annotated[str, Field(pattern=r"^[a-z0-9_.]{0,128}$")] = ""
    """Dotted path of the contract's field at fault. An unknown field's name is content: never here."""
    payload_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    payload_bytes: Count
    rejected_at: UtcTime
