"""Records that must be refused, each with the reason it must be refused for."""

import json
from collections.abc import Callable

from schemas.vocabulary import RejectReason

CONTENT_MARKER = "A sentence that must never be stored"
"""In every content-carrying record, so that a test can look for it everywhere."""

Fault = tuple[RejectReason, Callable[[str], bytes | None]]
"""The expected reason, and the change that a good interaction's text goes through."""

_LARGE, _HUGE = 70_000, 5_000_000


def _set(field: str, value: object) -> Callable[[str], bytes]:
    """The field added, or replaced where it is a plain one."""

    def change(text: str) -> bytes:
        event = json.loads(text)
        event[field] = value
        return json.dumps(event, separators=(",", ":")).encode()

    return change


def _without(field: str) -> Callable[[str], bytes]:
    def change(text: str) -> bytes:
        event = json.loads(text)
        del event[field]
        return json.dumps(event, separators=(",", ":")).encode()

    return change


def _in_guardrail(text: str) -> bytes:
    event = json.loads(text)
    event["guardrails"][0]["explanation"] = CONTENT_MARKER
    return json.dumps(event, separators=(",", ":")).encode()


MALFORMED: tuple[Fault, ...] = (
    ("empty", lambda text: None),  # a tombstone
    ("empty", lambda text: b""),
    ("not_json", lambda text: text[: len(text) // 2].encode()),
    ("not_json", lambda text: b"<html><body>502 Bad Gateway</body></html>"),
    ("not_utf8", lambda text: text.encode().replace(b'"feature":"', b'"feature":"\xff\xfe', 1)),
    ("not_object", lambda text: f"[{text}]".encode()),
    ("unknown_kind", _set("kind", "span")),
    ("missing_field", _without("feature")),
    ("unknown_field", _set("temperature_setting", 0.7)),
    ("wrong_type", _set("tokens_input", "many")),
    ("out_of_range", lambda text: (text[:-1] + ',"latency_ms":NaN}').encode()),
    ("out_of_range", _set("tokens_output", -1)),
    ("bad_identifier", _set("feature", "Support Chat!")),
    ("bad_identifier", _set("tenant", "jane.doe@example.com")),
    ("bad_time", _set("ts", "yesterday")),
    ("bad_value", _set("finish_reason", "tired")),
    ("too_deep", lambda text: b"[" * 20_000),
    ("too_large", lambda text: (text + " " * _LARGE).encode()),
)

CONTENT: tuple[Fault, ...] = (
    ("content_field", _set("prompt", CONTENT_MARKER)),
    ("content_field", _set("messages", [{"role": "user", "content": CONTENT_MARKER}])),
    ("content_field", _set("gen_ai.input.messages", CONTENT_MARKER)),
    ("content_field", _in_guardrail),
)

HUGE: Fault = ("too_large", lambda text: (text + " " * _HUGE).encode())
"""A record of 5 MB: more than Kafka's default of 1 MB, so only brokers that allow it take it."""
