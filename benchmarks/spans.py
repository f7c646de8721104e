"""OTLP messages as a Collector's Kafka exporter writes them, the same for the same seed, in both encodings.

`AGENTS` are traces as agents leave them: a wrapper, two chats, a tool call and an HTTP request, of which two become
events. In `CHATS` every span is a chat of 20 attributes and becomes an event: nothing is cheaper to skip. One chat in
twenty carries content, which a redactor upstream should have taken away.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_FEATURES = 50
_MODELS = ("atlas-3-large", "atlas-3-small", "orion-2", "nova-1.5")
_LOCALES = ("en-US", "en-GB", "de-DE", "fr-FR", "ja-JP", "pt-BR")
_REASONS = ("stop",) * 17 + ("length", "tool_calls", "content_filter")
_WITH_CONTENT = 0.05
_CONTENT = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "word " * 100}]}])
_SECOND = 10**9
AGENTS = ("invoke_agent", "chat", "execute_tool", "http", "chat")
CHATS = ("chat",) * 4
"""Roles of the spans of one trace; the first is the parent of the others, unless it is a chat."""
_VALUES = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}
_ID_FIELDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True, slots=True)
class Shape:
    """What to make: `count` spans of these roles in turn, a few traces in one message; `begin` in Unix nanoseconds."""

    count: int
    begin: int
    trace: tuple[str, ...]
    traces: int = 2
    rate: int = 10_000
    seed: int = 7


def make(shape: Shape) -> tuple[list[bytes], list[bytes]]:
    """The same messages in otlp_proto and in otlp_json."""
    requests = list(_requests(shape))
    return [request.SerializeToString() for request in requests], [_json(request) for request in requests]


def _requests(shape: Shape) -> Iterator[ExportTraceServiceRequest]:
    chance = random.Random(shape.seed)  # noqa: S311  # test data, no secret
    per_message = len(shape.trace) * shape.traces
    for first in range(0, shape.count, per_message):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        _fill(group.resource.attributes, _resource(f"gateway-{chance.randrange(4)}", chance))
        scope = group.scope_spans.add()
        scope.scope.name = "opentelemetry.instrumentation.openai_v2"
        for number in range(first, first + per_message, len(shape.trace)):
            _trace(scope.spans, shape, number, chance)
        yield request


def _trace(spans: Any, shape: Shape, number: int, chance: random.Random) -> None:
    trace_id, feature = chance.randbytes(16), chance.randrange(_FEATURES)
    parent = chance.randbytes(8)  # the caller's, in another message
    for at, role in enumerate(shape.trace, start=number):
        span = spans.add(trace_id=trace_id, span_id=chance.randbytes(8), parent_span_id=parent, name=role)
        span.end_time_unix_nano = shape.begin + at * _SECOND // shape.rate
        span.start_time_unix_nano = span.end_time_unix_nano - int(chance.lognormvariate(6.2, 0.5) * 1e6)
        attributes = _ATTRIBUTES[role](chance, feature)
        if role == "chat" and chance.random() < _WITH_CONTENT:
            attributes |= {"gen_ai.input.messages": _CONTENT, "gen_ai.output.messages": _CONTENT}
        if role == "invoke_agent":
            parent = span.span_id
        _fill(span.attributes, attributes)


def _resource(service: str, chance: random.Random) -> dict[str, object]:
    return {
        "service.name": service,
        "service.version": "2026.47.1",
        "service.instance.id": f"{chance.getrandbits(128):032x}",
        "cloud.region": "eu-central-1",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
        "k8s.pod.name": f"{service}-{chance.randrange(9)}",
    }


def _agent(chance: random.Random, feature: int) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": f"agent-{feature:02d}",
        "gen_ai.agent.id": f"asst_{feature:016x}",
        "gen_ai.agent.description": "Answers questions about orders",
        "gen_ai.conversation.id": f"conv_{chance.getrandbits(64):016x}",
        "gen_ai.request.model": _MODELS[feature % len(_MODELS)],
        "gen_ai.output.type": "text",
        "gen_ai.usage.input_tokens": chance.randrange(40, 4000),
        "gen_ai.usage.output_tokens": chance.randrange(10, 900),
        "server.address": "llm.internal",
        "server.port": 443,
        "safety.feature": f"feature-{feature:02d}",
    }


def _tool(chance: random.Random, feature: int) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": f"tool-{feature % 7}",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": f"call_{chance.getrandbits(96):024x}",
        "gen_ai.tool.description": "Looks up an order",
        "safety.tool.permitted": chance.random() < 0.99,
    }


def _http(chance: random.Random, feature: int) -> dict[str, object]:
    return {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "network.peer.address": f"10.0.0.{chance.randrange(1, 255)}",
        "network.peer.port": 443,
        "server.address": f"backend-{feature % 7}.internal",
        "server.port": 443,
        "url.full": f"https://backend.internal/orders/{chance.getrandbits(32):08x}",
        "url.scheme": "https",
        "user_agent.original": "python-httpx/0.28.1",
    }


def _chat(chance: random.Random, feature: int) -> dict[str, object]:
    model = _MODELS[feature % len(_MODELS)]
    tenant = int(12 * chance.random() ** 2)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.response.model": f"{model}-2026-08-06",
        "gen_ai.response.id": f"chatcmpl-{chance.getrandbits(96):024x}",
        "gen_ai.response.finish_reasons": [chance.choice(_REASONS)],
        "gen_ai.usage.input_tokens": chance.randrange(40, 4000),
        "gen_ai.usage.output_tokens": chance.randrange(10, 900),
        "gen_ai.output.type": "text",
        "gen_ai.conversation.id": f"conv_{chance.getrandbits(64):016x}",
        "server.address": "llm.internal",
        "server.port": 443,
        "safety.feature": f"feature-{feature:02d}",
        "safety.prompt.version": "v2.1" if chance.random() < 0.1 else "v2.0",
        "safety.policy.version": "p7",
        "safety.tenant": f"{feature * 100 + tenant:032x}",
        "safety.locale": _LOCALES[tenant % len(_LOCALES)],
    }


_ATTRIBUTES: dict[str, Callable[[random.Random, int], dict[str, object]]] = {
    "invoke_agent": _agent,
    "chat": _chat,
    "execute_tool": _tool,
    "http": _http,
}


def _fill(pairs: Any, attributes: dict[str, object]) -> None:
    for name, value in attributes.items():
        pair = pairs.add()
        pair.key = name
        if isinstance(value, list):
            for word in value:
                pair.value.array_value.values.add().string_value = word
        else:
            setattr(pair.value, _VALUES[type(value)], value)


def _json(request: ExportTraceServiceRequest) -> bytes:
    """OTLP/JSON: protobuf's JSON with enums as numbers and ids in hexadecimal instead of base64."""
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    for group in document["resourceSpans"]:
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                span.update({name: base64.b64decode(span[name]).hex() for name in _ID_FIELDS})
    return json.dumps(document, separators=(",", ":")).encode()
