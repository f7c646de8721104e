"""Writes the generated blocks of README.md and docs/kpis.md: `python docs/generate.py`, or --check to compare."""

import re
import sys
from pathlib import Path

import measured  # beside this file
import measured_detection
import measured_page

from monitor.settings import PREFIX, Settings
from schemas.kpis import ARRIVALS, CATALOGUE, KPIS, PROMPT_MIX, TELEMETRY_COMPLETENESS

ROOT = Path(__file__).parent.parent
FILES = ("README.md",)
DEMO_OUTPUT = ROOT / "docs" / "demo-output.txt"


def settings_table() -> str:
    """Every setting with its default and sentence."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def kpi_table() -> str:
    """Every KPI with its meaning; the categories of violations are one row."""
    rows = ["| KPI | counts as bad | severity |", "|---|---|---|"]
    for kpi in KPIS:
        meaning = f"not: {kpi.meaning}" if kpi.complement else kpi.meaning
        rows.append(f"| `{kpi.name}` | {meaning} | {kpi.severity} |")
    categories = len(CATALOGUE) - len(KPIS)
    rows.append(f"| `policy_violation_rate.<category>` | the same, by {categories} categories | critical |")
    rows.append(
        f"| `{TELEMETRY_COMPLETENESS}` | interactions that emitters counted and that did not arrive | warning |"
    )
    rows.append(f"| `{ARRIVALS}` | too few or too many interactions, whatever emitters say | warning, more: info |")
    rows.append(
        f"| `{PROMPT_MIX}` | not bad: what is asked has changed, told beside the KPIs it is kept out of | info |"
    )
    return "\n".join(rows)


def demo_output() -> str:
    """What `make demo` printed when `make demo-output` last ran it."""
    return f"```\n{DEMO_OUTPUT.read_text().strip()}\n```"


BLOCKS = {
    **measured.BLOCKS,
    **measured_detection.BLOCKS,
    **measured_page.BLOCKS,
    "settings": settings_table,
    "kpis": kpi_table,
    "demo": demo_output,
}


def renewed(text: str) -> str:
    """The text with each block between its two comments written anew."""
    for name, make in BLOCKS.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.S)
        text = pattern.sub(lambda found, make=make: f"{found[1]}{make()}\n{found[2]}", text)
    return text


def main(check: bool) -> int:
    """Write the files, or say which are stale."""
    stale = [name for name in FILES if renewed((ROOT / name).read_text()) != (ROOT / name).read_text()]
    if not check:
        for name in stale:
            (ROOT / name).write_text(renewed((ROOT / name).read_text()))
    elif stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run `make docs`\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv))
