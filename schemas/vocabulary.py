"""The closed vocabularies: every word a contract may use where free text would invite content."""

from typing import Literal

RiskTier = Literal["internal", "beta", "ga", "regulated"]
Arm = Literal["baseline", "canary", "experiment"]
FinishReason = Literal["stop", "length", "content_filter", "refusal", "tool_call", "error", "unknown"]
RefusedBy = Literal["model", "filter", "policy"]
Stage = Literal["input", "output", "tool", "retrieval"]
Verdict = Literal["allow", "deny", "modify", "warn", "escalate"]
Action = Literal["allow", "block", "modify", "escalate", "audit"]
Outcome = Literal["evaluated", "not_evaluated", "error", "bypassed"]
InjectionVector = Literal["direct", "indirect"]
ToolRisk = Literal["low", "medium", "high"]
RedactionStatus = Literal["applied", "clean", "failed", "skipped"]
PiiType = Literal[
    "email", "phone", "person_name", "address", "national_id", "credit_card", "bank_account",
    "ip_address", "date_of_birth", "health", "credential", "location", "other",
]  # fmt: skip
Category = Literal[
    # OWASP Top 10 for LLM applications, 2025
    "prompt_injection", "sensitive_info_disclosure", "supply_chain", "data_model_poisoning",
    "improper_output_handling", "excessive_agency", "system_prompt_leakage",
    "vector_embedding_weakness", "misinformation", "unbounded_consumption",
    # harms
    "jailbreak", "pii", "hate", "harassment", "violence", "self_harm", "sexual", "csae", "weapons",
    "cybercrime", "fraud", "extremism", "copyright", "regulated_advice", "political", "toxicity",
    "other",
]  # fmt: skip
Signal = Literal[
    "refusal", "policy_violation", "harmful_output", "pii_leak", "injection_attempt",
    "injection_success", "jailbreak_success", "ungrounded", "refusal_quality",
]  # fmt: skip
ChangeKind = Literal["model", "prompt", "policy", "guardrail", "flag", "corpus", "tool"]
ReviewSource = Literal["human_label", "appeal", "user_report", "incident_verdict", "incident_response"]
ReviewVerdict = Literal[
    "confirmed", "overturned", "unsure", "actionable", "noise", "expected",
    "acknowledged", "mitigated", "resolved",
]  # fmt: skip
IncidentVerdict = Literal["actionable", "noise", "expected", "unsure"]
"""What people judge an incident to be: a true positive, a false positive, real but meant, or not known."""
IncidentStep = Literal["acknowledged", "mitigated", "resolved"]
"""What people do about an incident, in the order in which they usually do it."""
RejectReason = Literal[
    "empty", "too_large", "too_deep", "not_utf8", "not_json", "not_object", "unknown_kind",
    "missing_field", "unknown_field", "content_field", "wrong_type", "out_of_range",
    "bad_identifier", "bad_time", "bad_value", "from_the_future", "too_old", "not_otlp", "other_signal",
]  # fmt: skip
"""Why a record became a dead letter."""
