"""Topic ai.telemetry: what an AI feature says of one interaction, one later verdict, or itself."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import FailFast, Field, TypeAdapter
from typing_extensions import TypeAliasType

from schemas.base import (
    Contract,
    Count,
    EventId,
    Identifier,
    Locale,
    Milliseconds,
    Name,
    Pseudonym,
    Ratio,
    SpanId,
    TraceId,
    UtcTime,
)
from schemas.vocabulary import (
    Action,
    Arm,
    Category,
    FinishReason,
    InjectionVector,
    Outcome,
    PiiType,
    RedactionStatus,
    RefusedBy,
    RiskTier,
    Signal,
    Stage,
    ToolRisk,
    Verdict,
)

_FAIL_FAST = FailFast()  # a record of 30,000 wrong elements is one fault, not 200 ms of them


class Refusal(Contract):
    """Whether the request was refused. Absent means nobody looked, which is not "not refused"."""

    refused: bool
    by: RefusedBy | None = None
    quality: Ratio | None = None


class Guardrail(Contract):
    """One guardrail's verdict, what the caller then did (`action`), and whether it ran at all."""

    name: Name
    version: Identifier | None = None
    stage: Stage
    category: Category
    verdict: Verdict | None = None
    """None unless `outcome` is "evaluated"."""
    action: Action
    outcome: Outcome
    score: Ratio | None = None
    latency_ms: Milliseconds | None = None


PiiTypes = TypeAliasType("PiiTypes", Annotated[tuple[PiiType, ...], Field(max_length=16), _FAIL_FAST])


class Pii(Contract):
    """Kinds of personal data a scanner saw, never the data. An absent side was not scanned; an empty one was."""

    input: PiiTypes | None = None
    output: PiiTypes | None = None


class Injection(Contract):
    """A prompt-injection check. `succeeded` is None when nobody could tell."""

    detected: bool
    vector: InjectionVector | None = None
    succeeded: bool | None = None


class ToolCall(Contract):
    """One tool call: was it permitted, was it executed. Arguments and results are never sent."""

    name: Name
    permitted: bool
    executed: bool
    risk: ToolRisk | None = None


class Grounding(Contract):
    """Whether the answer had to rest on sources, and did. `grounded` is None when unchecked."""

    required: bool
    grounded: bool | None = None


class Redaction(Contract):
    """What the upstream redactor did to this event."""

    status: RedactionStatus
    version: Identifier | None = None


class _Slice(Contract):
    """Where an event belongs: the dimensions every window is cut by."""

    feature: Name
    surface: Name | None = None
    provider: Identifier | None = None
    model: Identifier | None = None
    prompt_version: Identifier | None = None
    policy_version: Identifier | None = None
    release: Identifier | None = None
    arm: Arm | None = None
    tenant: Pseudonym | None = None
    user_segment: Name | None = None
    locale: Locale | None = None
    region: Identifier | None = None
    risk_tier: RiskTier | None = None
    prompt_category: Identifier | None = None
    trace_id: TraceId | None = None
    span_id: SpanId | None = None
    request_ref: Pseudonym | None = None
    sample_weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many events this one stands for. An integer, so that sums do not depend on their order."""
    synthetic: EventId | None = None
    """Set by probes: the probe's id. Synthetic events never count in KPIs."""


class Interaction(_Slice):
    """One request to an AI feature and its answer, without either."""

    kind: Literal["interaction"]
    schema_version: Literal[1] = 1
    event_id: EventId
    ts: UtcTime
    emitter: Name
    finish_reason: FinishReason = "unknown"
    finish_reason_raw: Identifier | None = None
    refusal: Refusal | None = None
    guardrails: Annotated[tuple[Guardrail, ...], Field(max_length=32), _FAIL_FAST] = ()
    pii: Pii | None = None
    injection: Injection | None = None
    tool_calls: Annotated[tuple[ToolCall, ...], Field(max_length=128), _FAIL_FAST] = ()
    grounding: Grounding | None = None
    tokens_input: Count | None = None
    tokens_output: Count | None = None
    latency_ms: Milliseconds | None = None
    error_type: Identifier | None = None
    redaction: Redaction | None = None


class Evaluation(_Slice):
    """A verdict made later on one interaction; it counts in the window of its own `ts`."""

    kind: Literal["evaluation"]
    schema_version: Literal[1] = 1
    event_id: EventId
    ts: UtcTime
    emitter: Name
    signal: Signal
    outcome: Outcome
    bad: bool | None = None
    """The verdict; None unless `outcome` is "evaluated"."""
    category: Category | None = None
    score: Ratio | None = None
    evaluator: Name
    evaluator_version: Identifier | None = None


FIRST_HEARTBEAT_WITHIN = timedelta(seconds=60)
"""An emitter's first known heartbeat counts from zero only this soon after its start. Later, nobody knows
over which time its count grew."""


class Heartbeat(Contract):
    """An emitter's own count: interactions of `feature` with a time before `ts`, since it started.

    Synthetic interactions are not in it. The count is cumulative, so a lost heartbeat loses nothing.
    Send one at each ten-second boundary, and a restart with a new `started_at`.
    """

    kind: Literal["heartbeat"]
    schema_version: Literal[1] = 1
    event_id: EventId
    ts: UtcTime
    emitter: Name
    started_at: UtcTime
    feature: Name
    interactions: Count


Telemetry = Annotated[Interaction | Evaluation | Heartbeat, Field(discriminator="kind")]
TELEMETRY: TypeAdapter[Telemetry] = TypeAdapter(Telemetry)
TELEMETRY_BATCH: TypeAdapter[list[Telemetry]] = TypeAdapter(list[Telemetry])
