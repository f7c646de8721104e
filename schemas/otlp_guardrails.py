"""Guardrails in every dialect: a span's or mark's attributes to one verdict, one action and one outcome."""

from schemas import otlp_text as text
from schemas.otlp_batch import Fields, OtlpBatch
from schemas.otlp_fields import Reader
from schemas.otlp_item import Attributes, Item

MAX_GUARDRAILS = 32
_BAD = frozenset({"deny", "modify", "escalate"})


def of_span(item: Item, reader: Reader, batch: OtlpBatch) -> list[Fields]:
    """A guardrail span: one entry for each category it found something of, or one in all."""
    events = reader.options.aliases.events
    findings = [mark.attributes for mark in item.marks if events.get(mark.name) == "finding"]
    own = item.attributes
    if item.failed and "error.type" not in own:
        own = own | {"error.type": "error"}
    latency = reader.latency_ms(item)
    return [of_attributes(own | finding, item, latency, reader, batch) for finding in findings or [{}]]


def of_marks(item: Item, reader: Reader, batch: OtlpBatch) -> list[Fields]:
    """Guardrails that a span tells as events of its own (OpenLIT)."""
    events = reader.options.aliases.events
    return [
        of_attributes(mark.attributes, item, None, reader, batch)
        for mark in item.marks
        if events.get(mark.name) == "guardrail"
    ]


def of_attributes(
    attributes: Attributes, item: Item, latency_ms: float | None, reader: Reader, batch: OtlpBatch
) -> Fields:
    """One guardrail. It passed nothing unless it says so: an error, or no verdict we know, is no verdict."""
    outcome, verdict = _outcome(attributes, reader)
    action = reader.word(attributes, "guardrail_action", "actions")
    if action is None and verdict is not None:
        action = reader.options.aliases.words["assumed_actions"][verdict]
        batch.assumed_actions += 1
    if outcome == "error" and (action == "allow" or attributes.get("safety.guardrail.failed_open") is True):
        outcome = "bypassed"  # it erred, and the caller went on
    name = reader.first(attributes, "guardrail_name") or item.name.partition(" ")[2]
    version = reader.first(attributes, "guardrail_version")
    latency = text.bounded(reader.first(attributes, "guardrail_latency_ms"), 86_400_000.0)
    return {
        "name": text.name(str(name)) or "guardrail",
        "version": text.identifier(version) if isinstance(version, str) else None,
        "stage": reader.word(attributes, "guardrail_target", "stages") or "input",
        "category": reader.word(attributes, "guardrail_category", "categories") or "other",
        "verdict": verdict,
        "action": action or "audit",
        "outcome": outcome,
        "score": text.bounded(reader.first(attributes, "guardrail_score"), 1.0),
        "latency_ms": latency if latency is not None else latency_ms,
    }


def _outcome(attributes: Attributes, reader: Reader) -> tuple[str, str | None]:
    """(outcome, verdict); the verdict is None unless the outcome is "evaluated"."""
    if reader.first(attributes, "error_type") is not None:
        return "error", None
    outcome = reader.word(attributes, "guardrail_verdict", "outcomes")
    if outcome is not None:
        return outcome, None
    verdict = reader.word(attributes, "guardrail_verdict", "verdicts")
    return ("evaluated", verdict) if verdict is not None else ("not_evaluated", None)


def injection_of(guardrails: list[Fields]) -> Fields | None:
    """What the guardrails that look for prompt injection say of the whole request; None when none looked."""
    checks = [one for one in guardrails if one["outcome"] == "evaluated" and one["stage"] != "output"]
    checks = [one for one in checks if one["category"] == "prompt_injection"]
    if not checks:
        return None
    found = [guardrail for guardrail in checks if is_bad(guardrail)]
    vector = None
    if found:
        vector = "direct" if any(guardrail["stage"] == "input" for guardrail in found) else "indirect"
    return {"detected": bool(found), "vector": vector}


def is_bad(guardrail: Fields) -> bool:
    """Whether its verdict is a violation, by the same rule as `schemas.outcomes`."""
    return guardrail["verdict"] in _BAD
