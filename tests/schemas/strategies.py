"""Valid messages of every kind, as JSON objects, for property tests; and ways to walk into them.

`st.one_of(*DOCUMENTS.values())` is any message; `DOCUMENTS[topic.name]` one of that topic.
"""

import json
import string
from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args

from hypothesis import strategies as st

from schemas import vocabulary as words
from schemas.topics import CHANGES_TOPIC, DEAD_LETTER_TOPIC, REVIEWS_TOPIC, TELEMETRY_TOPIC

Document = dict[str, Any]
Documents = st.SearchStrategy[Document]
Path = tuple[str | int, ...]

IDENTIFIER_CHARACTERS = string.ascii_letters + string.digits + "._:/+-"
"""No string of any contract has a character outside these."""
TIME_FIELDS = ("ts", "started_at", "rejected_at")
_LOWER = string.ascii_lowercase + string.digits
_HEX = string.digits + "abcdef"


def _text(first: str, rest: str, length: int) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(first), st.text(rest, max_size=length - 1)).map("".join)


def _word(literal: Any) -> st.SearchStrategy[str]:
    return st.sampled_from(get_args(literal))


names = _text(string.ascii_lowercase, _LOWER + "._-", 63)
identifiers = _text(string.ascii_letters + string.digits, IDENTIFIER_CHARACTERS, 64)
event_ids = st.text(string.ascii_letters + string.digits + ":_-", min_size=8, max_size=64)
pseudonyms = st.text(_HEX, min_size=32, max_size=64)
trace_ids = st.text(_HEX, min_size=32, max_size=32)
span_ids = st.text(_HEX, min_size=16, max_size=16)
locales = st.sampled_from(["de", "en-GB", "zh-Hant-TW", "gsw", "sl-rozaj-biske-1994"])
ratios = st.floats(0.0, 1.0) | st.sampled_from([0, 1])
counts = st.integers(0, 2**53)
milliseconds = st.floats(0.0, 86_400_000.0)


def _time(moment: datetime, digits: str, zone: str) -> str:
    return moment.isoformat(timespec="seconds") + (f".{digits}" if digits else "") + zone


moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31, 23, 59, 59))  # noqa: DTZ001  # the zone is added as text
times = st.builds(_time, moments, st.text(string.digits, max_size=9), st.sampled_from(["Z", "+00:00"]))


def _fields(required: dict[str, Any], optional: dict[str, Any]) -> Documents:
    """An object: optional fields are absent, null or set. What may not be null stands in `required` or `_bare`."""
    return st.fixed_dictionaries(required, optional={name: st.none() | value for name, value in optional.items()})


def _with(base: Documents, bare: dict[str, Any]) -> Documents:
    """`base` and further fields that may be absent but not null."""
    return st.builds(lambda left, right: left | right, base, st.fixed_dictionaries({}, optional=bare))


guardrails = _fields(
    {
        "name": names,
        "stage": _word(words.Stage),
        "category": _word(words.Category),
        "verdict": _word(words.Verdict),
        "action": _word(words.Action),
        "outcome": _word(words.Outcome),
    },
    {"version": identifiers, "score": ratios, "latency_ms": milliseconds},
)
refusals = _fields({"refused": st.booleans()}, {"by": _word(words.RefusedBy), "quality": ratios})
piis = st.fixed_dictionaries(
    {}, optional={side: st.none() | st.lists(_word(words.PiiType), max_size=4) for side in ("input", "output")}
)
injections = _fields({"detected": st.booleans()}, {"vector": _word(words.InjectionVector), "succeeded": st.booleans()})
tool_calls = _fields(
    {"name": names, "permitted": st.booleans(), "executed": st.booleans()}, {"risk": _word(words.ToolRisk)}
)
groundings = _fields({"required": st.booleans()}, {"grounded": st.booleans()})
redactions = _fields({"status": _word(words.RedactionStatus)}, {"version": identifiers})

_ENVELOPE = {"event_id": event_ids, "ts": times, "emitter": names}
_VERSION = {"schema_version": st.just(1)}
_WEIGHT = {"sample_weight": st.integers(1, 1_000_000)}
_SLICE = {
    "surface": names,
    "provider": identifiers,
    "model": identifiers,
    "prompt_version": identifiers,
    "policy_version": identifiers,
    "release": identifiers,
    "arm": _word(words.Arm),
    "tenant": pseudonyms,
    "user_segment": names,
    "locale": locales,
    "region": identifiers,
    "risk_tier": _word(words.RiskTier),
    "prompt_category": identifiers,
    "trace_id": trace_ids,
    "span_id": span_ids,
    "request_ref": pseudonyms,
}
_SYNTHETIC = {"synthetic": event_ids}
_INTERACTION = {"kind": st.just("interaction"), "feature": names} | _ENVELOPE
_WORK = {"tokens_input": counts, "tokens_output": counts, "latency_ms": milliseconds, "error_type": identifiers}

unchecked_interactions = _with(_fields(_INTERACTION, _SLICE | _WORK), _VERSION | _WEIGHT)
"""Interactions of which nobody evaluated anything."""

interactions = _with(
    _fields(
        _INTERACTION,
        _SLICE | _SYNTHETIC | _WORK
        | {"finish_reason_raw": identifiers, "refusal": refusals, "pii": piis, "injection": injections,
           "grounding": groundings, "redaction": redactions},
    ),
    _VERSION | _WEIGHT
    | {"finish_reason": _word(words.FinishReason), "guardrails": st.lists(guardrails, max_size=3),
       "tool_calls": st.lists(tool_calls, max_size=3)},
)  # fmt: skip
evaluations = _with(
    _fields(
        {"kind": st.just("evaluation"), "feature": names, "signal": _word(words.Signal),
         "outcome": _word(words.Outcome), "evaluator": names} | _ENVELOPE,
        _SLICE | _SYNTHETIC
        | {"bad": st.booleans(), "category": _word(words.Category), "score": ratios, "evaluator_version": identifiers},
    ),
    _VERSION | _WEIGHT,
)  # fmt: skip
heartbeats = _with(
    _fields(
        {"kind": st.just("heartbeat"), "started_at": times, "feature": names, "interactions": counts} | _ENVELOPE, {}
    ),
    _VERSION,
)
changes = _with(
    _fields(
        {"what": _word(words.ChangeKind)} | _ENVELOPE,
        {
            "feature": names,
            "subject": identifiers,
            "from_version": identifiers,
            "to_version": identifiers,
            "rollout": ratios,
            "region": identifiers,
            "author_ref": pseudonyms,
        },
    ),
    _VERSION | {"kind": st.just("change")},
)
reviews = _with(
    _fields(
        {"source": _word(words.ReviewSource), "verdict": _word(words.ReviewVerdict)} | _ENVELOPE,
        {
            "feature": names,
            "signal": _word(words.Signal),
            "category": _word(words.Category),
            "incident_id": event_ids,
            "trace_id": trace_ids,
            "span_id": span_ids,
            "request_ref": pseudonyms,
            "reviewer_ref": pseudonyms,
        },
    ),
    _VERSION | {"kind": st.just("review")},
)
dead_letters = st.fixed_dictionaries(
    {
        "source_topic": st.just("ai.telemetry"),
        "source_partition": counts,
        "source_offset": counts,
        "reason": _word(words.RejectReason),
        "payload_sha256": st.text(_HEX, min_size=64, max_size=64),
        "payload_bytes": counts,
        "rejected_at": times,
    },
    optional=_VERSION | {"kind": st.just("dead_letter"), "field": st.text(_LOWER + "_.", max_size=128)},
)

DOCUMENTS: dict[str, Documents] = {
    TELEMETRY_TOPIC.name: st.one_of(interactions, evaluations, heartbeats),
    CHANGES_TOPIC.name: changes,
    REVIEWS_TOPIC.name: reviews,
    DEAD_LETTER_TOPIC.name: dead_letters,
}
"""Valid messages of each topic, by its name."""


def paths(node: Any, here: Path = ()) -> Iterator[Path]:
    """Where every value inside lies, containers included, the root not."""
    items: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*here, key)
        yield from paths(value, (*here, key))


def value_at(node: Any, path: Path) -> Any:
    """What lies at a path."""
    for key in path:
        node = node[key]
    return node


def replaced(document: Any, path: Path, value: Any) -> Any:
    """A copy with another value at a path; the last key of the path may be new."""
    copy = json.loads(json.dumps(document))
    if not path:
        return value
    value_at(copy, path[:-1])[path[-1]] = value
    return copy


def objects(document: Document) -> list[Path]:
    """Paths of the message itself and of every object in it."""
    return [(), *(path for path in paths(document) if isinstance(value_at(document, path), dict))]


def strings(document: Document) -> list[Path]:
    """Paths of every string."""
    return [path for path in paths(document) if isinstance(value_at(document, path), str)]
