"""Topic ai.reviews: what people say afterwards: labels, appeals, reports, verdicts on incidents."""

from typing import Literal

from schemas.base import Contract, EventId, Name, Pseudonym, SpanId, TraceId, UtcTime
from schemas.vocabulary import Category, ReviewSource, ReviewVerdict, Signal


class Review(Contract):
    """One person's judgement of one interaction or one incident."""

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
