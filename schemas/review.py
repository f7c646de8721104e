"""Topic ai.reviews: what people say afterwards: labels, appeals, reports, verdicts on incidents."""

from typing import Literal

from schemas.base import Contract, EventId, Name, Pseudonym, SpanId, TraceId, UtcTime
from schemas.vocabulary import Category, ReviewSource, ReviewVerdict, Signal


class Review(Contract):
    """One person's judgement of one interaction or one incident, or a step that somebody took about an incident.

    Of an incident, source `incident_verdict` says actionable, noise, expected or unsure; `incident_response` says
    acknowledged, mitigated or resolved. The newest of each by `ts` holds.
    """

    kind: Literal["review"] = "review"
    schema_version: Literal[1] = 1
    event_id: EventId
    ts: UtcTime
    emitter: Name
    source: ReviewSource
    verdict: ReviewVerdict
    feature: Name | None = None
    signal: Signal | None = None
    category: Category | None = None
    incident_id: EventId | None = None
    trace_id: TraceId | None = None
    span_id: SpanId | None = None
    request_ref: Pseudonym | None = None
    reviewer_ref: Pseudonym | None = None
