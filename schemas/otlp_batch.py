"""What `decode_otlp` is told and what it answers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from schemas.aliases import Aliases, load
from schemas.codec import Reject
from schemas.otlp_item import Signal
from schemas.telemetry import TELEMETRY, Telemetry
from schemas.vocabulary import RejectReason

Fields = dict[str, Any]
"""An event, or a part of one, as plain values: text, numbers, flags, tuples. Each text is in its alphabet already."""

_encode = msgspec.json.Encoder().encode

Skip = Literal[
    "wrapper",  # a span around inference spans of the same request
    "double",  # the same response, reported by a second span
    "judge",  # an inference made by a guardrail or an evaluator
    "other",  # no AI at all, or an operation without a request and an answer
    "orphan",  # a tool call or retrieval whose inference is not in the message
    "unjudged_tool",  # a tool call of which nobody says whether it was permitted
    "unmapped_evaluation",  # an evaluation of something that is no safety signal
]
"""Why a span, mark or log record became no event, without being wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class OtlpOptions:
    """What the operator decides about OTLP sources. Keep one object: what is compiled from it goes by its identity."""

    signals: frozenset[Signal] = frozenset({"traces", "logs"})
    """What the topic carries. With both, each message is told apart by its records."""
    feature_order: tuple[str, ...] = ("safety.feature", "service.name", "gen_ai.workflow.name", "gen_ai.agent.name")
    """Attributes that may name the feature, the best first. Only names of the alias table are read."""
    features: frozenset[str] | None = None
    """If given, the only features there are: a name outside is passed over."""
    fallback_feature: str | None = None
    """Feature of items that name none; without it they are rejected as missing_field."""
    emitter: str = "otlp"
    """Emitter of items whose resource has no usable service.name."""
    reference_key: bytes | None = field(default=None, repr=False)
    """Key of the HMAC that makes request_ref; without it there is none."""
    sample_weight: int = 1
    """How many events one stands for when neither the span nor its trace state says it."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By evaluation name: the score from which on it is high, for evaluations that carry no label."""
    assume_tools_permitted: bool = False
    """Count tool calls without `safety.tool.permitted` as permitted. Off: what nobody judged is not counted."""
    max_bytes: int = 8 * 2**20
    """Larger messages are refused unread."""
    aliases: Aliases = field(default_factory=load)
    """The alias table, by version: `schemas.aliases.load(1)`."""


@dataclass(slots=True)
class OtlpBatch:
    """Everything one message said. No counter has a key that a producer can choose freely, but one:
    `unknown_finish_reasons`, whose keys fit the Identifier alphabet. Bound it before it becomes a label.
    """

    records: list[bytes] = field(default_factory=list)
    """An event each, as a record of ai.telemetry; its contract is still to be held against it."""
    reject: Reject | None = None
    """Set when the message as a whole was refused; then there are no events."""
    rejected: Counter[RejectReason] = field(default_factory=Counter)
    """Per item; the refused message is one."""
    content_dropped: Counter[str] = field(default_factory=Counter)
    """Attributes dropped unread, by the alias table's own names, and "body" of log records."""
    unknown_finish_reasons: Counter[str] = field(default_factory=Counter)
    """By raw value; "" for values that do not fit an identifier."""
    skipped: Counter[Skip] = field(default_factory=Counter)
    assumed_actions: int = 0
    """Guardrails that told a verdict and no action: the action was taken to be what the verdict asks for."""
    spans: int = 0
    logs: int = 0

    def add(self, fields: Fields) -> None:
        """One event more."""
        self.records.append(_encode(fields))

    @property
    def events(self) -> list[Telemetry]:
        """The events, validated by their models. Raises pydantic's ValidationError for what breaks the contract."""
        return [TELEMETRY.validate_json(record) for record in self.records]

    @property
    def wrappers_skipped(self) -> int:
        """Spans around inferences, not counted a second time."""
        return self.skipped["wrapper"]
