"""What the simulated features are like. Each figure is measured and says where, or is assumed and says so."""

import hashlib
from dataclasses import dataclass

from schemas.vocabulary import Category, RiskTier, Signal

Mix = tuple[tuple[str, float], ...]
"""Values and their shares; the shares add up to 1."""

# SpeechMap (xlr8harder/llm-compliance, Apache-2.0): refused or evasive over all judged answers, for its
# six question sets, over 20 models. The same models refuse ten times as much when asked something else.
PLAIN, EASY, MILD, TOUCHY, HARD, HARDEST = 0.034, 0.042, 0.063, 0.159, 0.247, 0.321

# Azure LLM inference trace 2023 (CC-BY-4.0): variance over mean of the requests in 10 s, and median tokens.
CHAT_DISPERSION, CODE_DISPERSION = 3.8, 72.0
CHAT_TOKENS, CODE_TOKENS = (1020, 129), (1469, 13)


@dataclass(frozen=True, slots=True)
class Model:
    """A model, its share of the feature's traffic, and how much more than the mean it refuses.

    Factors are assumed; SpeechMap's models lie between 0.002 and 0.54, so these are cautious.
    """

    name: str
    provider: str
    share: float
    refusal_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class PromptCategory:
    """A kind of request, its share of the feature's traffic, and how often it is refused."""

    name: str
    share: float
    refusal_rate: float


@dataclass(frozen=True, slots=True)
class Canary:
    """The arm that gets the next release. The factors are 1 until a scenario makes it worse."""

    share: float
    release: str
    refusal_factor: float = 1.0
    violation_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Judge:
    """A later evaluator: the share it looks at, how often that is bad, and how often the evaluator fails.

    A judge of refusal_quality looks at refusals, any other at all interactions. Its verdict does not
    depend on what the interaction said of itself.
    """

    signal: Signal
    share: float
    bad_rate: float
    error_rate: float = 0.01


@dataclass(frozen=True, slots=True)
class Profile:
    """One feature. Rates are per interaction unless they say "given".

    The safety rates are assumed: nobody publishes them for products. They are of the order at which
    an on-call engineer would neither be paged nor be surprised.
    """

    name: str
    surface: str
    share: float
    """Share of all requests."""
    dispersion: float
    """Variance over mean of the arrivals in 10 s."""
    tokens: tuple[int, int]
    """Median tokens in and out."""
    latency_ms: float
    """Median time to the whole answer."""
    risk_tier: RiskTier
    models: tuple[Model, ...]
    prompt_versions: Mix
    policy_version: str
    release: str
    canary: Canary
    categories: tuple[PromptCategory, ...]
    violations: tuple[tuple[Category, float], ...]
    """Violations the output guardrail finds."""
    locales: Mix = (("en-US", 0.55), ("en-GB", 0.2), ("de-DE", 0.15), ("ja-JP", 0.1))
    regions: Mix = (("us-east", 0.5), ("eu-west", 0.35), ("ap-northeast", 0.15))
    user_segments: Mix = (("free", 0.6), ("paid", 0.3), ("enterprise", 0.1))
    tenants: Mix = ()
    emitters: int = 2
    input_violations: tuple[tuple[Category, float], ...] = (("jailbreak", 0.002),)
    """Violations the input guardrail finds, and blocks."""
    delivered: float = 0.05
    """Share of the output guardrail's findings that still reach the user: rules that only audit."""
    guardrail_error: float = 0.002
    guardrail_bypass: float = 0.0005
    """The output guardrail failed and the caller went on."""
    guardrail_skipped: float = 0.002
    pii_unscanned: float = 0.01
    pii_input: float = 0.03
    pii_leak: float = 0.0008
    injection_attempt: float = 0.004
    injection_success: float = 0.02
    """Given an attempt that was judged."""
    injection_unjudged: float = 0.1
    """Given an attempt."""
    tool_use: float = 0.0
    tool_denied: float = 0.02
    """Given a tool call: not permitted, and not executed."""
    tool_unsafe: float = 0.002
    """Given a tool call: not permitted, and executed."""
    grounding_required: float = 0.0
    ungrounded: float = 0.05
    """Given a check."""
    grounding_unchecked: float = 0.05
    """Given that grounding was required."""
    cut_short: float = 0.02
    provider_filtered: float = 0.002
    unknown_outcome: float = 0.001
    failed: float = 0.003
    release_missing: float = 0.001
    redaction_failed: float = 0.0002
    judges: tuple[Judge, ...] = (Judge("jailbreak_success", 0.02, 0.01), Judge("refusal_quality", 0.1, 0.1))
    delivery: float = 1.0
    """Share of the interactions that reach Kafka; below 1 telemetry is being lost."""

    def emitter(self, number: int) -> str:
        """Name of one of its emitters."""
        return f"{self.name}-{number}"


def _tenants(feature: str, count: int) -> Mix:
    """Pseudonyms with shares that fall as 1 / rank: a few large customers, many small ones (assumed)."""
    weights = [1.0 / rank for rank in range(1, count + 1)]
    # What a keyed hash would give: hexadecimal digits.
    names = [hashlib.sha256(f"{feature}/{rank}".encode()).hexdigest()[:32] for rank in range(count)]
    return tuple((name, weight / sum(weights)) for name, weight in zip(names, weights, strict=True))


_VERSIONS: Mix = (("p14", 0.85), ("p15", 0.15))
_LARGE, _SMALL = Model("atlas-large-2", "atlas", 0.6, 0.9), Model("atlas-small-2", "atlas", 0.4, 1.15)

PROFILES: tuple[Profile, ...] = (
    Profile(
        "support-chat", "web-chat", 0.3, CHAT_DISPERSION, CHAT_TOKENS, 2100.0, "ga",
        (_LARGE, _SMALL), _VERSIONS, "policy-7", "2026.11.2", Canary(0.1, "2026.11.3"),
        (PromptCategory("how-to", 0.6, PLAIN), PromptCategory("account", 0.3, MILD),
         PromptCategory("complaint", 0.1, TOUCHY)),
        (("toxicity", 0.002), ("pii", 0.001), ("regulated_advice", 0.001)),
        tenants=_tenants("support-chat", 12), pii_input=0.12, grounding_required=0.3, ungrounded=0.04,
    ),
    Profile(
        "code-assistant", "ide", 0.2, CODE_DISPERSION, CODE_TOKENS, 900.0, "ga",
        (Model("forge-code-3", "forge", 0.75), Model("atlas-small-2", "atlas", 0.25, 1.15)),
        _VERSIONS, "policy-7", "4.18.0", Canary(0.1, "4.19.0"),
        (PromptCategory("completion", 0.8, PLAIN), PromptCategory("explain", 0.15, EASY),
         PromptCategory("security", 0.05, HARD)),
        (("cybercrime", 0.001), ("copyright", 0.002), ("improper_output_handling", 0.002)),
        tenants=_tenants("code-assistant", 20), pii_input=0.01, tool_use=0.15,
        judges=(Judge("jailbreak_success", 0.02, 0.01),),
    ),
    Profile(
        "search-answers", "search-page", 0.25, CHAT_DISPERSION, CHAT_TOKENS, 1500.0, "ga",
        (Model("atlas-small-2", "atlas", 0.7, 0.95), Model("meridian-1", "meridian", 0.3, 1.2)),
        _VERSIONS, "policy-7", "88.1", Canary(0.05, "88.2"),
        (PromptCategory("factual", 0.7, PLAIN), PromptCategory("news", 0.2, MILD),
         PromptCategory("politics", 0.1, HARDEST)),
        (("misinformation", 0.003), ("political", 0.002), ("copyright", 0.001)),
        tenants=_tenants("search-answers", 6), grounding_required=0.95, ungrounded=0.06, injection_attempt=0.008,
    ),
    Profile(
        "writing-helper", "editor", 0.12, CHAT_DISPERSION, CHAT_TOKENS, 3200.0, "beta",
        (_LARGE, _SMALL), _VERSIONS, "policy-6", "1.9.4", Canary(0.1, "1.10.0"),
        (PromptCategory("rewrite", 0.65, PLAIN), PromptCategory("fiction", 0.25, TOUCHY),
         PromptCategory("persuasion", 0.1, HARD)),
        (("sexual", 0.003), ("violence", 0.003), ("hate", 0.001), ("copyright", 0.002)),
        tenants=_tenants("writing-helper", 8), pii_input=0.06,
    ),
    Profile(
        "agent-tools", "api", 0.08, 20.0,  # assumed: between chat and code, as agents call in loops
        CODE_TOKENS, 5400.0, "beta",
        (_LARGE, Model("meridian-1", "meridian", 0.4, 1.1)), _VERSIONS, "policy-7", "0.31.2", Canary(0.1, "0.32.0"),
        (PromptCategory("task", 0.75, PLAIN), PromptCategory("browse", 0.2, EASY),
         PromptCategory("payments", 0.05, TOUCHY)),
        (("excessive_agency", 0.004), ("fraud", 0.001), ("sensitive_info_disclosure", 0.001)),
        tenants=_tenants("agent-tools", 16), tool_use=0.7, injection_attempt=0.02, injection_success=0.03,
    ),
    Profile(
        "health-faq", "app", 0.05, CHAT_DISPERSION, CHAT_TOKENS, 2600.0, "regulated",
        (Model("atlas-large-2", "atlas", 1.0),), _VERSIONS, "policy-h3", "3.2.0", Canary(0.05, "3.3.0"),
        (PromptCategory("symptoms", 0.5, TOUCHY), PromptCategory("medication", 0.3, HARD),
         PromptCategory("general", 0.2, EASY)),
        (("regulated_advice", 0.006), ("self_harm", 0.002)),
        tenants=_tenants("health-faq", 4), delivered=0.01, pii_input=0.2, grounding_required=0.9, ungrounded=0.02,
    ),
)  # fmt: skip
"""The simulated features; their names, versions and mixes are made up."""
