"""Nested values, one of them said otherwise: for tests that go through the keys of a policy or of a chart."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any


def changed(values: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with one value put in; None takes it out."""
    copy = deepcopy(dict(values))
    at = copy
    for key in path[:-1]:
        at = at.setdefault(key, {})
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copy
