"""What the SDK adds and Grafana's schema does not know, taken out again, so that the built JSON holds to the schema."""

from typing import Any

_INTERVAL_ONLY = {"auto", "auto_min", "auto_count"}
"""Of variables of another kind."""


def trimmed(dashboard: dict[str, Any]) -> dict[str, Any]:
    """A dashboard's JSON without them, and with its links and annotations in sight."""
    for variable in dashboard["templating"]["list"]:
        for name in _INTERVAL_ONLY:
            variable.pop(name, None)
    for panel in dashboard["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
    return dict(_in_sight(dashboard))


def _in_sight(value: Any) -> Any:
    """The SDK puts every link and annotation into a menu, where nobody looks at 3 a.m."""
    if isinstance(value, list):
        return [_in_sight(one) for one in value]
    if isinstance(value, dict):
        menu = value.get("placement") == "inControlsMenu"
        return {name: _in_sight(one) for name, one in value.items() if not (menu and name == "placement")}
    return value
