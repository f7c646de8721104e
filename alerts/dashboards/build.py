"""`python -m alerts.dashboards.build` writes the dashboards as JSON into `built/`; a test compares them."""

import json
from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from alerts.dashboards import detection, feature, fleet, incident, limits, pipeline
from alerts.dashboards.trim import trimmed

DASHBOARDS: dict[str, Callable[[limits.Rules], Dashboard]] = {
    "fleet": fleet.build,
    "feature": feature.build,
    "detection": detection.build,
    "incident": incident.build,
    "pipeline": pipeline.build,
}
"""Stem of the file, and of the uid after `vigil-`, to what builds it."""

FOLDER = Path(__file__).parent / "built"


def built(rules: limits.Rules) -> dict[str, str]:
    """File name to text of every dashboard, with the lines of these rules. ValueError: see `limits.limit`."""
    return {f"{name}.json": _text(build(rules)) for name, build in DASHBOARDS.items()}


def _text(dashboard: Dashboard) -> str:
    whole = dashboard.build()
    for number, panel in enumerate(whole.panels or [], start=1):
        panel.id_val = number
    plain = trimmed(json.loads(json.dumps(whole, cls=JSONEncoder)))
    return json.dumps(plain, indent=2, sort_keys=True) + "\n"


def write() -> list[Path]:
    """Write the dashboards for the shipped rules; returns the files, and removes what is no dashboard any more."""
    files = built(limits.shipped())
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, "utf-8")
    return [FOLDER / name for name in files]


if __name__ == "__main__":
    write()
