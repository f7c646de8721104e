"""What pages: budgets, directions and silences, as a YAML file says them."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from monitor.durations import budget_of
from monitor.errors import UserError

Directions = Literal["up", "down", "both"]
_Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _WithBudget(_Closed):
    @field_validator("budget", check_fields=False)
    @classmethod
    def _is_a_budget(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                budget_of(value)
            except UserError as error:
                raise ValueError(str(error)) from error
        return value


class KpiPolicy(_WithBudget):
    """What is different for one KPI."""

    budget: str | None = None
    directions: Directions | None = None
    pages: bool = True


class Policy(_WithBudget):
    """Budgets are false pages of one series (a feature's KPI). A KPI without an entry pages by the defaults."""

    version: _Version
    budget: str = "1/week"
    directions: Directions = "both"
    coverage_floor: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Below it a window is unknown. None leaves each KPI its own."""
    kpis: dict[str, KpiPolicy] = Field(default_factory=dict)

    @field_validator("version", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        # YAML reads 7 as a number and 2026-11-21 as a date.
        return str(value) if isinstance(value, int | float | date) else value

    def budget_seconds(self, kpi: str) -> float:
        """Seconds between two false pages of a series of this KPI."""
        return budget_of(self._of(kpi).budget or self.budget)

    def pages(self, kpi: str, direction: Literal["up", "down"]) -> bool:
        """Whether a change of this KPI in this direction pages."""
        one = self._of(kpi)
        return one.pages and (one.directions or self.directions) in (direction, "both")

    def _of(self, kpi: str) -> KpiPolicy:
        return self.kpis.get(kpi, KpiPolicy())


def load_policy(path: Path) -> Policy:
    """Read a policy. Raises UserError that names the line and the key."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the policy {path}; is the path right, and is it UTF-8?") from error
    return parse_policy(text, path.name)


def parse_policy(text: str, name: str) -> Policy:
    """A policy from YAML; `name` is what errors call it. Raises UserError that names the line and the key."""
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
    for line, key in _twice(root):
        raise UserError(f"{name}, line {line}: {key!r} stands here a second time; keep one")
    try:
        return Policy.model_validate(loaded)
    except ValidationError as error:
        raise UserError(f"{name}, {_first_problem(root, error)}") from error


def _first_problem(root: yaml.MappingNode, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    line, key = _line(root, path), ".".join(path)
    if first["type"] == "extra_forbidden":
        model = KpiPolicy if path[0] == "kpis" else Policy
        return f"line {line}: there is no key {key!r}; known are {', '.join(model.model_fields)}"
    if first["type"] == "missing":
        return f"line {line}: the key {key!r} is missing"
    return f"line {line}: {key!r}: {first['msg'].removeprefix('Value error, ')}"


def _line(node: Any, path: Sequence[str]) -> int:
    """The line of the key that `path` leads to, or of what comes nearest."""
    line = node.start_mark.line + 1
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return int(line)


def _twice(node: Any) -> Iterator[tuple[int, str]]:
    """Line and name of each key that a mapping has twice: YAML would take the last in silence."""
    seen = set()
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if key.value in seen:
            yield key.start_mark.line + 1, str(key.value)
        seen.add(key.value)
        yield from _twice(value)
