"""Reads a policy file, and says by line what is wrong with it. The model is alerts/policy.py's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

import alerts
from alerts.policy import Count, FeaturePolicy, KpiPolicy, Probe, QuietHours, Targets, Team, mistakes
from alerts.policy import Policy as _Policy
from alerts.pool_policy import PoolPolicy
from detectors.base import Floats
from monitor.durations import budget_of
from monitor.errors import UserError
from schemas.kpis import PROMPT_MIX

__all__ = [
    "SHIPPED_POLICY", "KpiPolicy", "Mistake", "Policy", "find_mistakes", "load_policy", "parse_policy", "whole_policy",
]  # fmt: skip

SHIPPED_POLICY = Path(alerts.__file__).parent / "policy.yaml"
_SECTIONS = {
    "kpis": KpiPolicy, "features": FeaturePolicy, "teams": Team, "quiet_hours": QuietHours, "probe": Probe,
    "missed_probes": Count, "pools": PoolPolicy,
}  # fmt: skip
_PARTS = {"targets": Targets, "count": Count}


class Policy(_Policy):
    """A policy whose budgets are numbers."""

    def budget_seconds(self, kpi: str, sharing: int) -> float:
        """Seconds between two false pages of this KPI of a feature, over whose budget so many KPIs are `sharing`."""
        own = self.of(kpi).budget
        return budget_of(self.budget) * sharing if own is None else budget_of(own)

    def budget_windows(self, kpi: str, sharing: int, seconds: int) -> float:
        """The same in windows of so many seconds. Raises UserError where that is less than two."""
        budget = self.budget_seconds(kpi, sharing)
        if budget < 2 * seconds:
            raise UserError(
                f"a budget of one page of {kpi} in {budget:,.0f} s is shorter than two windows of {seconds:,} s; "
                "give a longer one, such as 1/week"
            )
        return budget / seconds

    def floors(self, kpis: Sequence[str], otherwise: Floats) -> Floats:
        """Coverage below which each of these KPIs is unknown, shape (KPIs,); `otherwise` where the policy is silent.

        What is asked is seen in the interactions whose refusal is evaluated, so it has their floor.
        """
        asked = ("refusal_rate" if kpi == PROMPT_MIX else kpi for kpi in kpis)
        return np.array([self.floor(kpi, floor) for kpi, floor in zip(asked, otherwise.tolist(), strict=True)])


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong in a policy, and the line it stands in."""

    line: int
    what: str


def load_policy(path: Path) -> Policy:
    """Read a policy. Raises UserError that names the line and the key."""
    return parse_policy(_read(path), path.name)


def parse_policy(text: str, name: str) -> Policy:
    """A policy from YAML; `name` is what errors call it. Raises UserError that names the line and the key."""
    policy, wrong = _parse(text, name)
    if policy is None:
        raise UserError(f"{name}, line {wrong[0].line}: {wrong[0].what}")
    return policy


def find_mistakes(path: Path) -> tuple[Policy | None, list[Mistake]]:
    """The policy of a file, and everything that keeps alerts from being built from it, in order of lines.

    Raises UserError when the file is no YAML mapping at all.
    """
    return _looked_through(_read(path), path.name)


def whole_policy(text: str, name: str) -> Policy:
    """A policy that alerts can be built from, too. Raises UserError that names every mistake by its line."""
    policy, wrong = _looked_through(text, name)
    if policy is None or wrong:
        raise UserError("; ".join(f"{name}, line {one.line}: {one.what}" for one in wrong))
    return policy


def _looked_through(text: str, name: str) -> tuple[Policy | None, list[Mistake]]:
    policy, wrong = _parse(text, name)
    if policy is not None:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        wrong = [Mistake(_line(root, where), f"{'.'.join(where)!r}: {what}") for where, what in mistakes(policy)]
    return policy, sorted(wrong)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the policy {path}; is the path right, and is it UTF-8?") from error


def _parse(text: str, name: str) -> tuple[Policy | None, list[Mistake]]:
    """The policy, or None and what is wrong: at least one."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        loaded = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise UserError(f"{name}, line {mark.line + 1 if mark else 1}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{name} is not YAML; are there control characters in it?") from error
    if not isinstance(root, yaml.MappingNode) or not isinstance(loaded, dict):
        raise UserError(f"{name}, line 1: a policy is a mapping; begin with `version: my-1`")
    twice = [Mistake(line, f"{key!r} stands here a second time; keep one") for line, key in _twice(root)]
    if twice:
        return None, twice
    try:
        return Policy.model_validate(loaded), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        return None, [_problem(root, one["loc"], one["type"], one["msg"], one["input"]) for one in found]


def _problem(root: yaml.MappingNode, loc: Sequence[int | str], kind: str, message: str, given: object) -> Mistake:
    path = [str(part) for part in loc if part != "[key]"]
    line, key = _line(root, path), ".".join(path)
    if kind == "extra_forbidden":
        return Mistake(line, f"there is no key {key!r}; known are {', '.join(_model(path).model_fields)}")
    if kind == "missing":
        return Mistake(line, f"the key {key!r} is missing")
    if kind == "string_pattern_mismatch":
        return Mistake(line, f"{key!r}: {_said(path[-1], str(given))}")
    return Mistake(line, f"{key!r}: {message.removeprefix('Value error, ')}")


def _said(key: str, given: str) -> str:
    """What to write in the place of a text of the wrong shape."""
    if key == "dead_man":  # what was given may hold a password, and this is logged
        return "write an address such as https://alive.example.com/vigil, without a user, a password or a ?"
    shapes = {
        "begin": "write a time of the day such as 22:00",
        "end": "write a time of the day such as 07:00",
        "runbooks": "write an https address that ends with a slash",
        "grafana": "write an https address that ends with a slash",
        "slack_channel": "write a channel such as '#ai-safety'",
    }
    if key == "budget":
        try:
            budget_of(given)
        except UserError as error:
            return str(error)
        return f"{given!r} is no budget; write it in small letters, such as 1/week"
    return f"{given!r} does not fit; {shapes.get(key, 'use letters, digits, and . _ - between them')}"


def _model(path: Sequence[str]) -> Any:
    """The model of the mapping in which the last key of a path stands."""
    if len(path) == 1:
        return Policy
    return _PARTS.get(path[-2]) or _SECTIONS[path[0]]


def _line(node: Any, path: Sequence[str]) -> int:
    """The line of the key that `path` leads to, or of what comes nearest."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return int(line)


def _twice(node: Any) -> Iterator[tuple[int, str]]:
    """Line and name of each key that a mapping has twice: YAML would take the last in silence."""
    if isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _twice(one)
    seen = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if key.value in seen:
            yield key.start_mark.line + 1, str(key.value)
        seen.add(key.value)
        yield from _twice(value)
