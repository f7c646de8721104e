"""Writes what the chart holds of other folders: `python helm/sync.py`, or --check to say what is stale.

Helm reads nothing outside the chart, so rules and dashboards are copied byte for byte. The settings, with their
defaults, sentences and bounds, come from monitor/settings.py into values.yaml and values.schema.json.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.settings import Settings

ROOT = Path(__file__).parent.parent
CHART = ROOT / "helm" / "vigil"
COPIED = {"rules": "alerts/rules/*.yaml", "dashboards": "alerts/dashboards/built/*.json"}
"""Folder of files/ in the chart to what is copied there."""

FROM_SECRETS = tuple(name for name in Settings.model_fields if name.endswith("_file"))
"""Settings that the chart derives from `secrets`: a path in a value would name a file that nobody mounts."""

MOUNTED = ("policy",)
"""Settings that the chart derives from a value of another name, and mounts: likewise."""

OF_PEOPLE = ("reviewer",)
"""Settings of whoever types a command; no pod is anybody."""

OWN_DEFAULTS: Mapping[str, tuple[Any, str]] = {
    "broker": ("", "Must be given."),
    "store": ("", "Must be given, and must be a server: an embedded store belongs to one process."),
    "metrics_host": ("0.0.0.0", "Not loopback, or neither kubelet nor Prometheus reaches it."),  # noqa: S104  # a pod
}
"""Settings whose default is for one machine: the default in the chart, and why."""

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum")
_BLOCK = re.compile(r"(# begin settings\n).*?(# end settings\n)", re.DOTALL)


def camel(name: str) -> str:
    """The name of a setting as a value of the chart: flush_interval is flushInterval."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def given() -> list[str]:
    """The settings that are values of their own name."""
    return [name for name in Settings.model_fields if name not in (*FROM_SECRETS, *MOUNTED, *OF_PEOPLE)]


def default(name: str) -> Any:
    """The default of a setting in the chart; a setting that is unset there is an empty string."""
    value = OWN_DEFAULTS[name][0] if name in OWN_DEFAULTS else Settings.model_fields[name].default
    return "" if value is None else value


def settings_block() -> str:
    """The settings of values.yaml."""
    lines = ["# Each becomes VIGIL_ and its name, in the environment of every pod.", "settings:"]
    for name in given():
        why = f" {OWN_DEFAULTS[name][1]}" if name in OWN_DEFAULTS else ""
        lines += [
            f"  # {Settings.model_fields[name].description}{why}",
            f"  {camel(name)}: {json.dumps(default(name))}",
        ]
    return "\n".join(lines) + "\n"


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the settings, closed, with the bounds of monitor/settings.py."""
    fields = Settings.model_json_schema()["properties"]
    properties = {}
    for name in given():
        field = fields[name]
        bounds = {key: field[key] for key in _BOUNDS if key in field}
        properties[camel(name)] = {"type": field.get("type", "string"), **bounds, "description": field["description"]}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def copies(root: Path = ROOT) -> dict[Path, bytes]:
    """Path in the chart's files/ to what must be there."""
    return {
        Path(folder) / source.name: source.read_bytes()
        for folder, pattern in COPIED.items()
        for source in sorted(root.glob(pattern))
    }


def wanted(chart: Path = CHART) -> dict[Path, bytes]:
    """Every file that this script writes, relative to the chart, with its content."""
    values = _BLOCK.sub(lambda found: found[1] + settings_block() + found[2], (chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())
    schema["properties"]["settings"] = settings_schema()
    written = {
        Path("values.yaml"): values.encode(),
        Path("values.schema.json"): f"{json.dumps(schema, indent=2)}\n".encode(),
    }
    return written | {Path("files") / path: content for path, content in copies().items()}


def stale(chart: Path = CHART) -> list[Path]:
    """Files of the chart that are missing, differ, or have no source any more."""
    want = wanted(chart)
    found = {path.relative_to(chart) for path in (chart / "files").rglob("*") if path.is_file()}
    strays = {path for path in found if path not in want}
    differ = {path for path, content in want.items() if not _is(chart / path, content)}
    return sorted(strays | differ)


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def main(check: bool) -> int:
    """Write the files, or say which are stale."""
    out = stale()
    if check:
        if out:
            sys.stderr.write(f"stale: {', '.join(map(str, out))}; run `python helm/sync.py`\n")
        return 1 if out else 0
    want = wanted()
    for path in out:
        if path in want:
            (CHART / path).parent.mkdir(parents=True, exist_ok=True)
            (CHART / path).write_bytes(want[path])
        else:
            (CHART / path).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv))
