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
VARIED = ("model", "prompt_version", "policy_version", "release", "user_segment", "region", "prompt_category", "tenant")
"""Dimensions that may vary from event to event, each on its own."""
_VARIED_VALUES = 16
NEW_EACH = -1
"""As a number of features: every event names a feature that no other does."""
SIZES = {"0.3 kB": (0, 0), "0.6 kB": (1, 0), "2 kB": (9, 6)}
"""Guardrails and tool calls of an event, by the size they lead to; without guardrails other fields go too."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What to make. `rate` is events per second of event time; `bad_every` 10 makes one record in ten bad.

    `varied` 3 draws the first three of VARIED anew for each event, from 16 values, and fixes the other ones.
    """

    count: int
    begin: datetime
    features: int = 50
    size: str = "0.6 kB"
    bad_every: int = 0
    rate: int = 10_000
    seed: int = 7
    varied: int | None = None


def make(shape: Shape) -> list[bytes]:
    """All records in order of event time. Raises KeyError for a size that is not in SIZES."""
    chance = random.Random(shape.seed)  # noqa: S311  # test data, no secret
    bodies = bodies_of(shape, chance)
    ids = hashlib.shake_128(b"%d" % shape.seed)
    salt = ids.hexdigest(4)
    records = []
    second = b""
    for index in range(shape.count):
        at, within = divmod(index, shape.rate)
        if not within:
            second = (shape.begin.astimezone(UTC) + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S").encode()
        body = _fresh(chance, index, shape) + bodies[int(len(bodies) * chance.random())]
        moment = b"%s.%03d" % (second, within * 1000 // shape.rate)
        text = whole(b"%s%016x" % (salt.encode(), index), moment, chance.getrandbits(128), body)
        bad = shape.bad_every and index % shape.bad_every == shape.bad_every // 2
        records.append(_spoilt(text, index // shape.bad_every) if bad else text)
    return records


def bodies_of(shape: Shape, chance: random.Random) -> list[bytes]:
    """What follows the envelope of an event, to choose from; body n belongs to feature n modulo the features."""
    return [_body(chance, number, shape) for number in range(max(_BODIES, shape.features))]


def whole(event_id: bytes, moment: bytes, trace: int, body: bytes) -> bytes:
    """An event from its body. `moment` is its time in UTC, such as 2026-11-20T23:00:00.123."""
    head = b'{"kind":"interaction","event_id":"%s","ts":"%sZ","trace_id":"%032x",' % (event_id, moment, trace)
    return head + body


def _fresh(chance: random.Random, index: int, shape: Shape) -> bytes:
    """Fields that are drawn for each event, or nothing."""
    name = b'"feature":"feature-%08x",' % index if shape.features == NEW_EACH else b""
    if shape.varied is None:
        return name
    drawn = [int(_VARIED_VALUES * chance.random()) if i < shape.varied else 0 for i in range(len(VARIED))]
    said = [f'"{field}":"v{value}",' for field, value in zip(VARIED[:-1], drawn, strict=False)]
    return name + "".join([*said, f'"tenant":"{drawn[-1]:032x}",']).encode()


def _body(chance: random.Random, number: int, shape: Shape) -> bytes:
    guardrails, tools = SIZES[shape.size]
    feature = number % shape.features if shape.features > 0 else number
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
    for name in (*(VARIED if shape.varied is not None else ()), *(("feature",) if shape.features == NEW_EACH else ())):
        event.pop(name, None)
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
