"""Writes the generated blocks of README.md and docs/kpis.md: `python docs/generate.py`, or --check to compare."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from monitor.settings import PREFIX, Settings
from schemas.kpis import CATALOGUE, KPIS, TELEMETRY_COMPLETENESS

ROOT = Path(__file__).parent.parent
FILES = ("README.md",)
DEMO_OUTPUT = ROOT / "docs" / "demo-output.txt"
RESULTS = ROOT / "benchmarks" / "results"
THROUGHPUT = ROOT / "benchmarks" / "results" / "throughput.json"
_RUNS = {
    "end_to_end_per_cpu_s": "end to end: a worker, its store in another process",
    "embedded_per_cpu_s": "end to end: the store in the worker's process, engine included",
}
_RATIOS = {
    "bad_one_in_thousand_ratio": "one bad record in 1,000",
    "bad_one_in_ten_ratio": "one bad record in 10",
}
_ENGINES = {
    "vigil": "**Vigil's engine**",
    "bare": "confluent-kafka + orjson in a loop",
    "bytewax": "bytewax",
    "quixstreams": "quixstreams",
    "arroyo": "arroyo",
    "faust": "plain Faust",
}


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
    return "\n".join(rows)


def demo_output() -> str:
    """What `make demo` printed when `make demo-output` last ran it."""
    return f"```\n{DEMO_OUTPUT.read_text().strip()}\n```"


def throughput_tables() -> str:
    """What the last full `make bench-throughput` measured."""
    if not THROUGHPUT.exists():
        return "No full run has been kept yet: `make bench-throughput` writes one."
    result: dict[str, Any] = json.loads(THROUGHPUT.read_text("utf-8"))
    spreads = result["spreads"]
    rows = ["| whole worker | events per CPU second | lowest to highest round |", "|---|---|---|"]
    rows += [f"| {text} | {_rate(result[key])} | {_ends(spreads, key)} |" for key, text in _RUNS.items()]
    rows += [
        f"| {text} | x {result[key]:.2f} of end to end | {_ends(spreads, key, 2)} |" for key, text in _RATIOS.items()
    ]
    rows += ["", "| equal work | events per CPU second | lowest to highest round | Vigil's engine against it |"]
    rows.append("|---|---|---|---|")
    for engine, text in _ENGINES.items():
        against = "" if engine == "vigil" else f"x {result[f'ratio_{engine}']:.2f}"
        name = f"equal_work.{engine}"
        rows.append(f"| {text} | {_rate(result['equal_work'][engine])} | {_ends(spreads, name)} | {against} |")
    return "\n".join([*rows, "", _circumstances(result)])


def _circumstances(result: dict[str, Any]) -> str:
    machine = result["machine"]
    named = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    return (
        f"Medians of {result['rounds']} rounds, {result['events']:,} events each, {result['date'][:10]}, "
        f"{machine['cpu']}, {machine['cores']} cores. Beside the worker, the store in its own process took "
        f"{result['store_cpu_share']:.0%} of all CPU. {named}."
    )


def _rate(value: float) -> str:
    return f"{value:,.0f}"


def _ends(spreads: dict[str, dict[str, float]], name: str, digits: int = 0) -> str:
    return f"{spreads[name]['low']:,.{digits}f} to {spreads[name]['high']:,.{digits}f}"


def crash_sentence() -> str:
    """What the last full `make bench-crash` did, and whether the count was exact."""
    found = json.loads((RESULTS / "crash.json").read_text())
    return (
        f"The last full run ({found['date'][:10]}, {found['broker']}): {found['kills']} kills, "
        f"{found['kills_in_insert']} of them inside a running INSERT, {found['zombies']} workers paused past their "
        f"session, {found['answers_lost']} lost answers, {found.get('disk_full', 0)} full disk, "
        f"{found.get('broker_restarts', 0)} broker restarts, "
        f"{found.get('store_frozen', 0)} frozen store. Of {found['sent']:,} records {found['lost']} were lost and "
        f"{found['doubled']} counted twice."
    )


BLOCKS = {
    "crash": crash_sentence,
    "settings": settings_table,
    "kpis": kpi_table,
    "demo": demo_output,
    "throughput": throughput_tables,
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
