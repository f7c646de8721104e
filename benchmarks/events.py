"""Telemetry events as bytes, the same for the same seed: about 0.3, 0.56 or 2 kB, with or without bad records.

Each feature has a fixed set of bodies, so that slices repeat as they do in production; only the id, the
trace id and the time are new in each event.
"""

import hashlib
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_BODIES = 20_000
"""Distinct bodies over all features, or one for each feature where there are more features."""
_MODELS = ("atlas-3-large", "atlas-3-small", "orion-2", "nova-1.5")
_LOCALES = ("en-US", "en-GB", "de-DE", "fr-FR", "ja-JP", "pt-BR")
_REGIONS = ("us-east", "us-west", "eu-west", "ap-south")
_HARMS = ("violence", "hate", "self_harm", "sexual", "weapons", "fraud")
_TOOLS = ("search", "code_exec", "browser", "sql")
_TENANTS = 12
SIZES = {"0.3 kB": (0, 0), "0.6 kB": (1, 0), "2 kB": (9, 6)}
"""Guardrails and tool calls of an event, by the size they lead to; without guardrails other fields go too."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What to make. `rate` is events per second of event time; `bad_every` 10 makes one record in ten bad."""

    count: int
    begin: datetime
    features: int = 50
    size: str = "0.6 kB"
    bad_every: int = 0
    rate: int = 10_000
    seed: int = 7


def make(shape: Shape) -> list[bytes]:
    """All records in order of event time. Raises KeyError for a size that is not in SIZES."""
    chance = random.Random(shape.seed)  # noqa: S311  # test data, no secret
    bodies = [_body(chance, number % shape.features, shape.size) for number in range(max(_BODIES, shape.features))]
    ids = hashlib.shake_128(b"%d" % shape.seed)
    salt = ids.hexdigest(4)
    records = []
    second = b""
    for index in range(shape.count):
        at, within = divmod(index, shape.rate)
        if not within:
            second = (shape.begin.astimezone(UTC) + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S").encode()
        body = bodies[int(len(bodies) * chance.random())]
        text = b'{"kind":"interaction","event_id":"%s%016x","ts":"%s.%03dZ","trace_id":"%032x",%s' % (
            salt.encode(),
            index,
            second,
            within * 1000 // shape.rate,
            chance.getrandbits(128),
            body,
        )
        bad = shape.bad_every and index % shape.bad_every == shape.bad_every // 2
        records.append(_spoilt(text, index // shape.bad_every) if bad else text)
    return records


def _body(chance: random.Random, feature: int, size: str) -> bytes:
    guardrails, tools = SIZES[size]
    tenant = int(_TENANTS * chance.random() ** 2)
    canary = chance.random() < 0.1  # one in ten goes to the new prompt
    event: dict[str, object] = {
        "emitter": f"gateway-{feature % 4}",
        "feature": f"feature-{feature:02d}",
        "model": _MODELS[feature % len(_MODELS)],
        "risk_tier": ("beta", "ga", "regulated")[feature % 3],
        "finish_reason": "stop",
        "refusal": {"refused": chance.random() < 0.04},
    }
    if guardrails:
        event |= {
            "prompt_version": "v2.1" if canary else "v2.0",
            "arm": "canary" if canary else "baseline",
            "tenant": hashlib.sha256(b"%d/%d" % (feature, tenant)).hexdigest()[:32],
            "locale": _LOCALES[tenant % len(_LOCALES)],
            "guardrails": [_guardrail(chance, feature, number) for number in range(guardrails)],
            "tokens_input": chance.randrange(40, 4000),
            "tokens_output": chance.randrange(10, 900),
        }
    if tools:
        event |= {"policy_version": "p7", "region": _REGIONS[tenant % 4], "redaction": {"status": "applied"}}
        event["tool_calls"] = [
            {"name": chance.choice(_TOOLS), "permitted": True, "executed": chance.random() < 0.97, "risk": "low"}
            for _ in range(tools)
        ]
    event["latency_ms"] = round(chance.lognormvariate(6.2, 0.5), 1)
    return json.dumps(event, separators=(",", ":")).encode()[1:]


def _guardrail(chance: random.Random, feature: int, number: int) -> dict[str, object]:
    deny = chance.random() < 0.03
    return {
        "name": f"shield-{number}",
        "stage": "input" if number % 2 else "output",
        "category": _HARMS[(feature + number) % len(_HARMS)],
        "verdict": "deny" if deny else "allow",
        "action": "block" if deny else "allow",
        "outcome": "evaluated",
    }


def _spoilt(text: bytes, turn: int) -> bytes:
    """A record that the contract refuses, in one of eight ways, by turns."""
    return (
        text[: len(text) // 2],
        text.replace(b'"feature"', b'"featur"', 1),
        text.replace(b'"interaction"', b'"chat"', 1),
        text.replace(b'"refused":', b'"refused":"no","x":', 1),
        text.replace(b'"ts":"', b'"ts":"on ', 1),
        text[:-1] + b',"prompt":"hello"}',
        b"\xff\xfe" + text,
        b"[" + text + b"]",
    )[turn % 8]
