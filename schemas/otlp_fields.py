"""Attributes to the fields that every event has: identity, slice, weight. What does not fit is left out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from schemas import otlp_text as text
from schemas.otlp_batch import OtlpOptions
from schemas.otlp_item import Attributes, Item
from schemas.vocabulary import Arm, RejectReason, RiskTier

Fields = dict[str, Any]
"""Keyword arguments of an event's model, each already in its alphabet."""


def _word_of(words: tuple[str, ...]) -> Callable[[str], str | None]:
    known = frozenset(words)
    return lambda value: value if value in known else None


_SLICE: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("model", text.identifier),
    ("prompt_version", text.identifier),
    ("policy_version", text.identifier),
    ("release", text.identifier),
    ("surface", text.name),
    ("arm", _word_of(get_args(Arm))),
    ("tenant", text.pseudonym),
    ("user_segment", text.name),
    ("locale", text.locale),
    ("region", text.identifier),
    ("risk_tier", _word_of(get_args(RiskTier))),
    ("prompt_category", text.identifier),
    ("synthetic", text.event_id),
)


@dataclass(slots=True)
class Reader:
    """Reads items under one set of options; compiled once per message, and resources once each."""

    options: OtlpOptions
    verdicts: frozenset[str] = field(init=False)
    """Names of the attributes that may hold a guardrail's verdict."""
    _names: dict[str, tuple[str, ...]] = field(init=False)
    _by_name: dict[str, tuple[str, int, Callable[[str], str | None]]] = field(init=False)
    _resources: dict[int, tuple[Fields, str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = self._names = self.options.aliases.names
        self.verdicts = frozenset(names["guardrail_verdict"])
        self._by_name = {
            name: (target, rank, convert)
            for target, convert in (*_SLICE, ("provider", self._provider))
            for rank, name in enumerate(names[target])
        }  # fmt: skip

    def first(self, attributes: Attributes, wanted: str) -> Any:
        """The value of the best attribute present for one of our fields, None when there is none."""
        for name in self._names[wanted]:
            if name in attributes:
                return attributes[name]
        return None

    def word(self, attributes: Attributes, wanted: str, table: str) -> str | None:
        """The same through a table of values; None when no present attribute has a value of the table."""
        words = self.options.aliases.words[table]
        for name in self.options.aliases.names[wanted]:
            value = attributes.get(name)
            if isinstance(value, str) and (found := words.get(value.lower())):
                return found
        return None

    def envelope(self, item: Item, kind: str, event_id: str, ts: int) -> Fields | RejectReason:
        """Everything an interaction and an evaluation share, or why the item cannot be one."""
        moment = text.moment(ts)
        if moment is None:
            return "bad_time"
        feature = self._feature(item)
        if feature is None:
            return "missing_field"
        shared, emitter = self._resource(item.resource)
        fields: Fields = {"kind": kind, "event_id": event_id, "ts": moment, "emitter": emitter, "feature": feature}
        fields |= shared
        self._slice(item.attributes, fields)
        if item.trace_id:
            fields["trace_id"] = item.trace_id
        if item.span_id:
            fields["span_id"] = item.span_id
        self._reference(item.attributes, fields)
        self._weight(item, fields)
        return fields

    def latency_ms(self, item: Item) -> float | None:
        """The span's duration in milliseconds; None without a start before its end."""
        return text.bounded((item.end - item.start) / 1e6, 86_400_000.0) if item.start else None

    def _feature(self, item: Item) -> str | None:
        allowed = self.options.features
        for name in self.options.feature_order:
            for attributes in (item.attributes, item.resource):
                value = attributes.get(name)
                feature = text.name(value) if isinstance(value, str) else None
                if feature and (allowed is None or feature in allowed):
                    return feature
        return self.options.fallback_feature

    def _resource(self, resource: Attributes) -> tuple[Fields, str]:
        # Items of a group share one dictionary, and the message keeps it alive: its address is its name.
        known = self._resources.get(id(resource))
        if known is None:
            fields: Fields = {}
            self._slice(resource, fields)
            service = resource.get("service.name")
            emitter = text.name(service) if isinstance(service, str) else None
            known = self._resources[id(resource)] = fields, emitter or self.options.emitter
        return known

    def _slice(self, attributes: Attributes, fields: Fields) -> None:
        ranks: dict[str, int] = {}
        by_name = self._by_name
        for name, value in attributes.items():
            found = by_name.get(name)
            if found is None or not isinstance(value, str):
                continue
            target, rank, convert = found
            if rank < ranks.get(target, 99) and (converted := convert(value)):
                ranks[target] = rank
                fields[target] = converted

    def _provider(self, value: str) -> str | None:
        lowered = value.lower()
        return text.identifier(self.options.aliases.words["providers"].get(lowered, lowered))

    def _reference(self, attributes: Attributes, fields: Fields) -> None:
        key = self.options.reference_key
        if key is None:
            return
        response = self.first(attributes, "response_id")
        if isinstance(response, str):
            fields["request_ref"] = text.keyed_hash(key, response)

    def _weight(self, item: Item, fields: Fields) -> None:
        weight = None
        if "safety.sample_weight" in item.attributes:
            weight = text.count(item.attributes["safety.sample_weight"])
        if weight is None and item.trace_state:
            weight = text.sampling_weight(item.trace_state)
        weight = self.options.sample_weight if weight is None else weight
        if weight != 1:
            fields["sample_weight"] = min(max(weight, 1), 1_000_000)
