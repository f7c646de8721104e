"""Attributes to the fields that every event has: identity, slice, weight. What does not fit is left out."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args

import msgspec

from schemas import otlp_text as text
from schemas.otlp_batch import Fields, OtlpOptions
from schemas.otlp_item import Attributes, Item, Value
from schemas.otlp_layout import Layout, Layouts
from schemas.vocabulary import Arm, RejectReason, RiskTier


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


_OWN = ("tenant", "synthetic")
_SHARED = tuple(target for target, _ in _SLICE if target not in _OWN)
"""Fields whose values repeat from item to item."""
_DAY_MS = 86_400_000.0
_REMEMBERED = 5_000


class _Resource(msgspec.Struct, gc=False):
    """What is known of the resources that say the same."""

    words: dict[str, str]
    """By target: what items without a value of their own inherit."""
    shared: dict[tuple[tuple[str, ...], Any], Fields | None] = {}  # msgspec gives each its own
    """By which of the asked names an item has, and their values."""


class Reader:
    """Reads items under one set of options; keeps what repeats. For one thread."""

    def __init__(self, options: OtlpOptions) -> None:
        names = self._names = options.aliases.names
        self.options = options
        self.clean: Fields = {"status": "clean", "version": f"otlp-intake-v{options.aliases.version}"}
        """The redaction of an item about which nobody says anything, and in which no content was found."""
        self._converters = dict(_SLICE) | {"provider": self._provider}
        targets = (*_SHARED, "provider", "service")
        self._asked = tuple(dict.fromkeys((*options.feature_order, *(n for target in targets for n in names[target]))))
        """Attributes that decide about what repeats."""
        self._layouts = Layouts(options.aliases, self._asked)
        self._asked_of_resource = (*self._asked, *(name for target in _OWN for name in names[target]))
        self._resources: dict[tuple[Value | None, ...], _Resource] = {}
        self._attributes: Attributes | None = None
        """The resource that was met last."""
        self._resource = _Resource({})
        """What is known of it."""
        self._remembered = 0

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

    def layout(self, attributes: Attributes) -> Layout:
        """What their names say."""
        return self._layouts.of(attributes)

    def envelope(self, item: Item, layout: Layout, kind: str, event_id: str, ts: int) -> Fields | RejectReason:
        """Everything an interaction and an evaluation share, or why the item cannot be one. The layout is its own."""
        moment = text.moment(ts)
        if moment is None:
            return "bad_time"
        if item.resource is not self._attributes:
            self._enter(item.resource)
        shared = self._repeated(item, layout)
        if shared is None:
            return "missing_field"
        fields = shared.copy()
        fields["kind"], fields["event_id"], fields["ts"] = kind, event_id, moment
        self._own(item, layout, fields)
        return fields

    def latency_ms(self, item: Item) -> float | None:
        """The span's duration in milliseconds; None without a start before its end."""
        latency = (item.end - item.start) / 1e6
        return latency if item.start and 0 <= latency <= _DAY_MS else None

    def _enter(self, resource: Attributes) -> None:
        """The next items are of this resource."""
        said = tuple(map(resource.get, self._asked_of_resource))
        known = self._resources.get(said)
        if known is None:
            words = {target: self._converted(target, self._names[target], resource) for target in self._converters}
            known = self._resources[said] = _Resource({target: word for target, word in words.items() if word})
        self._attributes, self._resource = resource, known

    def _repeated(self, item: Item, layout: Layout) -> Fields | None:
        """Feature, emitter and slice, by the values they come from; None without a feature. Not to be changed."""
        said = layout.asked_names, layout.asked(item.attributes)
        try:
            return self._resource.shared[said]
        except KeyError:
            if self._remembered >= _REMEMBERED:
                self._resources.clear()
                self._remembered = 0
                self._enter(item.resource)
            self._remembered += 1
            shared = self._resource.shared[said] = self._read_repeated(item, layout)
            return shared

    def _read_repeated(self, item: Item, layout: Layout) -> Fields | None:
        feature = self._feature(item)
        if feature is None:
            return None
        service = item.resource.get("service.name")
        emitter = text.name(service) if isinstance(service, str) else None
        fields: Fields = {"emitter": emitter or self.options.emitter, "feature": feature}
        for target in (*_SHARED, "provider"):
            self._slice(item, target, layout, fields)
        return fields

    def _own(self, item: Item, layout: Layout, fields: Fields) -> None:
        """What differs from item to item."""
        if item.trace_id:
            fields["trace_id"] = item.trace_id
        if item.span_id:
            fields["span_id"] = item.span_id
        for target in _OWN:
            if target in layout.names or target in self._resource.words:
                self._slice(item, target, layout, fields)
        if self.options.reference_key is not None:
            self._reference(self.options.reference_key, item.attributes, fields)
        self._weight(item, layout, fields)

    def _slice(self, item: Item, target: str, layout: Layout, fields: Fields) -> None:
        """The item's own value, else its resource's; of several names the best whose value fits."""
        own = self._converted(target, layout.names[target], item.attributes) if target in layout.names else None
        word = own or self._resource.words.get(target)
        if word is not None:
            fields[target] = word

    def _converted(self, target: str, names: tuple[str, ...], attributes: Attributes) -> str | None:
        convert = self._converters[target]
        for name in names:
            value = attributes.get(name)
            if isinstance(value, str) and (converted := convert(value)):
                return converted
        return None

    def _feature(self, item: Item) -> str | None:
        allowed = self.options.features
        for name in self.options.feature_order:
            for attributes in (item.attributes, item.resource):
                value = attributes.get(name)
                feature = text.name(value) if isinstance(value, str) else None
                if feature and (allowed is None or feature in allowed):
                    return feature
        return self.options.fallback_feature

    def _provider(self, value: str) -> str | None:
        lowered = value.lower()
        return text.identifier(self.options.aliases.words["providers"].get(lowered, lowered))

    def _reference(self, key: bytes, attributes: Attributes, fields: Fields) -> None:
        response = self.first(attributes, "response_id")
        if isinstance(response, str):
            fields["request_ref"] = text.keyed_hash(key, response)

    def _weight(self, item: Item, layout: Layout, fields: Fields) -> None:
        weight = None
        if layout.weighted:
            weight = text.count(item.attributes["safety.sample_weight"])
        if weight is None and item.trace_state:
            weight = text.sampling_weight(item.trace_state)
        weight = self.options.sample_weight if weight is None else weight
        if weight != 1:
            fields["sample_weight"] = min(max(weight, 1), 1_000_000)


@lru_cache(maxsize=8)
def reader_of(options: OtlpOptions) -> Reader:
    """The reader of these options."""
    return Reader(options)
