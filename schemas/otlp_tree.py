"""Which spans of a message are requests, which are wrappers or doubles of them, and what belongs to which."""

from dataclasses import dataclass
from operator import attrgetter

import msgspec

from schemas.aliases import Aliases
from schemas.otlp_batch import OtlpBatch
from schemas.otlp_item import Attributes, Item, first_of

_MAX_DEPTH = 64
_INHERITED = (
    "safety.feature", "safety.surface", "safety.prompt.version", "safety.policy.version", "safety.release",
    "safety.arm", "safety.tenant", "safety.user_segment", "safety.locale", "safety.region", "safety.risk_tier",
    "safety.prompt_category", "safety.synthetic", "gen_ai.workflow.name", "gen_ai.agent.name", "gen_ai.prompt.version",
)  # fmt: skip
"""What a kept span takes over from the wrapper or double it replaces, where it has nothing of its own."""
_PARENT_KEY = attrgetter("parent_key")
_GRAVITY = {"refusal": 3, "content_filter": 2, "error": 1, "stop": 0, "length": 0, "tool_call": 0}


class Request(msgspec.Struct, gc=False):
    """One inference that counts, with the spans that belong to it."""

    item: Item
    guardrails: list[Item] = []
    tools: list[Item] = []  # msgspec gives each its own
    retrieval: bool = False


@dataclass(slots=True)
class Tree:
    """The spans of a message, sorted."""

    requests: list[Request]
    guardrails: list[Item]
    """Guardrail spans whose inference is not in the message."""
    others: list[Item]
    """Spans that are no request, whose marks may be guardrails or evaluations."""
    owners: dict[str, Request]
    """By trace and span id: the request that a span's marks belong to."""


def role_of(attributes: Attributes, span_name: str, aliases: Aliases) -> str:
    """What a span is: inference, tool, retrieval, guardrail, evaluator, wrapper or other."""
    for attribute, words in aliases.roles:
        word = attributes.get(attribute)
        if isinstance(word, str) and (role := words.get(word.lower())):
            return role
    if role := aliases.span_names.get(span_name.partition(" ")[0]):
        return role
    names = aliases.names
    if any(name in attributes for name in names["guardrail_name"]):
        return "guardrail"
    # Conventions before gen_ai.operation.name had only the names of the model and its answer.
    if any(name in attributes for name in (*names["finish_reasons"], *names["model"])):
        return "inference" if "gen_ai.operation.name" not in attributes else "other"
    return "other"


def sort_spans(items: list[Item], aliases: Aliases, batch: OtlpBatch) -> Tree:
    """Requests and what belongs to them. Counts in `batch` what is no event of its own, and what has no ids."""
    index = _index(items, aliases, batch)
    spans = list(index.values())
    replaced: dict[str, Item] = {}
    if not index.keys().isdisjoint(map(_PARENT_KEY, spans)):
        replaced = _replaced(spans, index, batch)
    replaced |= _doubles(spans, replaced, aliases, batch)
    owners = {item.key: Request(item) for item in spans if item.role == "inference" and item.key not in replaced}
    tree = Tree(list(owners.values()), [], [], owners)
    for key in replaced:
        _hand_over(key, replaced, index, tree)
    others = [item for item in spans if item.role != "inference"]
    siblings = _siblings(tree.requests) if others else {}
    for item in others:
        _place(item, tree, index, siblings, batch)
    return tree


def _index(items: list[Item], aliases: Aliases, batch: OtlpBatch) -> dict[str, Item]:
    """Spans by key, their roles and keys set. Of two inferences with one key the last is kept, and one counted."""
    index: dict[str, Item] = {}
    doubles = 0
    for item in items:
        item.role = role_of(item.attributes, item.name, aliases)
        if not (item.trace_id and item.span_id):
            _without_ids(item, batch)
            continue
        item.key = item.trace_id + item.span_id
        if item.parent_id:
            item.parent_key = item.trace_id + item.parent_id
        before = index.get(item.key)
        if before is not None and before.role == "inference":
            doubles += 1
        index[item.key] = item
    if doubles:
        batch.skipped["double"] += doubles
    return index


def _siblings(requests: list[Request]) -> dict[str, list[Request]]:
    """Requests by their parent's key."""
    siblings: dict[str, list[Request]] = {}
    for request in requests:
        if request.item.parent_key:
            siblings.setdefault(request.item.parent_key, []).append(request)
    return siblings


def _without_ids(item: Item, batch: OtlpBatch) -> None:
    if item.role == "inference":
        batch.rejected["bad_identifier"] += 1
        item.role = "rejected"
    else:
        batch.skipped["other"] += 1


def _place(
    item: Item, tree: Tree, index: dict[str, Item], siblings: dict[str, list[Request]], batch: OtlpBatch
) -> None:
    """Give a span that is no inference to its request, or keep it for itself, or count it."""
    above = _ancestor(item, index, ("inference",))
    request = tree.owners.get(above.key) if above is not None else None
    beside = siblings.get(item.parent_key, [])
    if item.role == "guardrail":
        (request.guardrails if request else tree.guardrails).append(item)
    elif item.role == "tool":
        _place_tool(item, request or _asked_by(item, beside), batch)
    elif item.role == "retrieval":
        _place_retrieval([request] if request else beside, batch)
    elif item.role != "judge":
        batch.skipped["wrapper" if item.role == "wrapper" else "other"] += 1
    if item.marks:
        tree.others.append(item)
        if request:
            tree.owners[item.key] = request


def _place_tool(item: Item, request: Request | None, batch: OtlpBatch) -> None:
    if request is None:
        batch.skipped["orphan"] += 1
    else:
        request.tools.append(item)


def _place_retrieval(requests: list[Request], batch: OtlpBatch) -> None:
    for request in requests:
        request.retrieval = True
    if not requests:
        batch.skipped["orphan"] += 1


def _asked_by(tool: Item, beside: list[Request]) -> Request | None:
    """The request of the same agent that ended last before the tool began: its answer asked for the tool."""
    before = [request for request in beside if request.item.end <= tool.start]
    return max(before, key=lambda request: request.item.end, default=None)


def _replaced(items: list[Item], index: dict[str, Item], batch: OtlpBatch) -> dict[str, Item]:
    """Inference spans around others, by key, and the span that counts in their place."""
    replaced: dict[str, Item] = {}
    for item in items:
        if item.role != "inference" or not item.parent_key:
            continue
        outer = _ancestor(item, index, ("inference", "guardrail", "evaluator", "tool"))
        if outer is None or outer.role == "tool":
            continue  # a tool that asks a model makes a request of its own
        if outer.role != "inference":
            item.role = "judge"
            batch.skipped["judge"] += 1
            continue
        last = replaced.get(outer.key)
        if (last is None or item.end > last.end) and not _leads_to(item, outer, replaced):
            replaced[outer.key] = item  # of several attempts inside, the last gave the answer
    if replaced:
        batch.skipped["wrapper"] += len(replaced)
    return replaced


def _leads_to(item: Item, outer: Item, replaced: dict[str, Item]) -> bool:
    """Whether `outer` already stands in the place of `item`: parents in a circle, of which one must count."""
    for _ in range(_MAX_DEPTH):
        if item is outer:
            return True
        if item.key not in replaced:
            return False
        item = replaced[item.key]
    return True


def _doubles(items: list[Item], replaced: dict[str, Item], aliases: Aliases, batch: OtlpBatch) -> dict[str, Item]:
    """The same answers reported again, by key, and the span that counts in their place."""
    doubles: dict[str, Item] = {}
    seen: dict[str, Item] = {}
    names = aliases.names["response_id"]
    for item in items:
        if item.role != "inference" or item.key in replaced:
            continue
        response = first_of(item.attributes, names)
        if not response:
            continue
        first = seen.setdefault(f"{item.trace_id}{response}", item)
        if first is item or first.span_id == item.span_id:
            continue
        batch.skipped["double"] += 1
        if _gravity(item, aliases) > _gravity(first, aliases):
            seen[f"{item.trace_id}{response}"] = item
            first, item = item, first  # noqa: PLW2901  # the graver of the two is kept
        doubles[item.key] = first
    return doubles


def _gravity(item: Item, aliases: Aliases) -> int:
    for name in aliases.names["finish_reasons"]:
        words = item.attributes.get(name)
        if isinstance(words, tuple):
            table = aliases.words["finish_reasons"]
            return max((_GRAVITY.get(table.get(word.lower(), ""), 1) for word in words), default=-1)
    return -1


def _hand_over(key: str, replaced: dict[str, Item], index: dict[str, Item], tree: Tree) -> None:
    """The request that took a span's place gets its marks, and of its slice what the request lacks."""
    last = key
    for _ in range(_MAX_DEPTH):
        if last not in replaced:
            break
        last = replaced[last].key
    request = tree.owners.get(last)
    if request is None:
        return  # parents in a circle: nobody took its place
    outer = index[key]
    tree.owners[key] = request
    tree.others.append(outer)
    for name in _INHERITED:
        if name in outer.attributes:
            request.item.attributes.setdefault(name, outer.attributes[name])


def _ancestor(item: Item, index: dict[str, Item], roles: tuple[str, ...]) -> Item | None:
    for _ in range(_MAX_DEPTH):
        parent = index.get(item.parent_key)
        if parent is None or parent is item:
            return None
        if parent.role in roles:
            return parent
        item = parent
    return None
