"""Verdicts made outside a request: evaluation events, and guardrails whose request is not in the message."""

from schemas import otlp_text as text
from schemas.aliases import Meaning
from schemas.otlp_batch import Fields, OtlpBatch
from schemas.otlp_fields import Reader
from schemas.otlp_guardrails import is_bad
from schemas.otlp_item import Item


def of_event(item: Item, reader: Reader, batch: OtlpBatch) -> None:
    """A `gen_ai.evaluation.result`: adds one evaluation to the batch, or counts why not."""
    name = reader.first(item.attributes, "evaluation_name")
    if not isinstance(name, str):
        batch.rejected["missing_field"] += 1
        return
    key = name.lower().replace(" ", "_").replace("-", "_")
    meaning = reader.options.aliases.evaluations.get(key)
    if meaning is None:
        batch.skipped["unmapped_evaluation"] += 1
        return
    fields = _envelope(item, reader, batch, item.name, key)
    if fields is None:
        return
    bad = None
    failed = reader.first(item.attributes, "error_type") is not None
    if not failed:
        bad = _is_bad(item, key, meaning, reader)
    evaluator = reader.first(item.attributes, "evaluator")
    version = reader.first(item.attributes, "evaluator_version")
    fields |= {
        "signal": meaning.signal,
        "outcome": "error" if failed else "not_evaluated" if bad is None else "evaluated",
        "bad": bad,
        "category": meaning.category,
        "score": text.bounded(reader.first(item.attributes, "evaluation_score"), 1.0),
        "evaluator": (text.name(evaluator) if isinstance(evaluator, str) else None) or text.name(key),
        "evaluator_version": text.identifier(version) if isinstance(version, str) else None,
    }
    batch.add(fields)


def of_guardrails(guardrails: list[Fields], item: Item, reader: Reader, batch: OtlpBatch) -> None:
    """Guardrails without their request: the same facts as evaluations of it."""
    for number, guardrail in enumerate(guardrails):
        fields = _envelope(item, reader, batch, "guardrail", str(number), guardrail["name"], guardrail["category"])
        if fields is None:
            return
        evaluated = guardrail["outcome"] == "evaluated"
        fields |= {
            "signal": "policy_violation",
            "outcome": guardrail["outcome"],
            "bad": is_bad(guardrail) if evaluated else None,
            "category": guardrail["category"],
            "score": guardrail["score"],
            "evaluator": guardrail["name"],
            "evaluator_version": guardrail["version"],
        }
        batch.add(fields)
        if guardrail["category"] == "prompt_injection" and guardrail["stage"] != "output":
            fields = fields | {
                "signal": "injection_attempt",
                "event_id": text.stable_id(fields["event_id"], "injection"),
            }
            batch.add(fields)


def _envelope(item: Item, reader: Reader, batch: OtlpBatch, *what: str) -> Fields | None:
    event_id = text.stable_id(item.trace_id, item.span_id, *what, str(item.end))
    fields = reader.envelope(item, reader.layout(item.attributes), "evaluation", event_id, item.end)
    if isinstance(fields, str):
        batch.rejected[fields] += 1
        return None
    return fields


def _is_bad(item: Item, key: str, meaning: Meaning, reader: Reader) -> bool | None:
    """The verdict: from the label, or from the score where the operator gave a threshold; None when neither says."""
    aliases = reader.options.aliases
    label = reader.first(item.attributes, "evaluation_label")
    if isinstance(label, str):
        word = label.lower().replace(" ", "_")
        if word in aliases.labels:
            return aliases.labels[word]
        high = aliases.high_labels.get(word)
        return None if high is None else high == meaning.high_is_bad
    score = reader.first(item.attributes, "evaluation_score")
    threshold = reader.options.thresholds.get(key)
    if threshold is None or not isinstance(score, int | float) or isinstance(score, bool) or score != score:
        return None
    return (score >= threshold) == meaning.high_is_bad
