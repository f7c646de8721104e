"""The blocks of the README that come from benchmarks: tables and sentences made of result files, never typed."""

import json
from pathlib import Path
from typing import Any

from monitor.settings import Settings

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
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

_GRACE = Settings.model_fields["grace"].default
_GROWTH = {
    "size": "size of an event",
    "features": "features",
    "dimensions": "dimensions that vary",
    "partitions": "partitions",
    "batch_bytes": "bytes of a record batch in Kafka",
}


def _result(name: str) -> dict[str, Any] | None:
    """What the last full run of a benchmark wrote; None before the first."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def _slower(name: str) -> dict[str, Any] | None:
    """The same run on the slowest machine that it was tried on: figures per second are a machine's, too."""
    return _result(f"slower/{name}")


def _where(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return f"On a slower machine ({machine['cpu']}, {machine['cores']} cores, {result['date'][:10]})"


def _none(name: str) -> str:
    return f"No full run has been kept yet: `make bench-{name}` writes one."


def throughput_tables() -> str:
    """What the last full `make bench-throughput` measured."""
    result = _result("throughput")
    if result is None:
        return _none("throughput")
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
        f"{result['store_cpu_share']:.0%} of all CPU. {named}.{_throughput_elsewhere()}"
    )


def _throughput_elsewhere() -> str:
    found = _slower("throughput")
    if found is None:
        return ""
    return (
        f"\n\n{_where(found)}: {_rate(found['end_to_end_per_cpu_s'])} end to end, {_rate(found['embedded_per_cpu_s'])} "
        f"with the store in the worker's process; Vigil's engine {_rate(found['equal_work']['vigil'])}, "
        f"x {found['ratio_bare']:.2f} of the loop and x {found['ratio_bytewax']:.2f} of bytewax."
    )


def _rate(value: float) -> str:
    return f"{value:,.0f}"


def _ends(spreads: dict[str, dict[str, float]], name: str, digits: int = 0) -> str:
    return f"{spreads[name]['low']:,.{digits}f} to {spreads[name]['high']:,.{digits}f}"


def crash_sentence() -> str:
    """What the last full `make bench-crash` did, and whether the count was exact."""
    found = _result("crash")
    if found is None:
        return _none("crash")
    return (
        f"The last full run ({found['date'][:10]}, {found['broker']}): {found['kills']} kills, "
        f"{found['kills_in_insert']} of them inside a running INSERT, {found['zombies']} workers paused past their "
        f"session, {found['answers_lost']} lost answers, {found.get('disk_full', 0)} full disk, "
        f"{found.get('broker_restarts', 0)} broker restarts, "
        f"{found.get('store_frozen', 0)} frozen store. Of {found['sent']:,} records {found['lost']} were lost and "
        f"{found['doubled']} counted twice."
    )


def growth_table() -> str:
    """What the last full `make bench-growth` measured, a line for each thing that grows."""
    found = _result("growth")
    if found is None:
        return _none("growth")
    rows = ["| what grows | events per CPU second of the worker |", "|---|---|"]
    for key, text in _GROWTH.items():
        points = "; ".join(f"{_grouped(point[key])}: {_rate(point['per_cpu_s'])}" for point in found[key])
        rows.append(f"| {text} | {points} |")
    attacks = "; ".join(
        f"{_grouped(one['new_features'])} names: {_rate(one['per_cpu_s'])}, peak {_grouped(one['worker_peak_mb'])} MB"
        for one in found["cardinality_attack"]
    )
    rows.append(f"| a new feature name in every event | {attacks} |")
    return "\n".join([*rows, "", f"Medians of {found['rounds']} rounds, {found['date'][:10]}."])


def latency_table() -> str:
    """What the last full `make bench-latency` measured."""
    found = _result("latency")
    if found is None:
        return _none("latency")
    rows = [
        "| load | event to Prometheus counter, p50 / p99 | end of a window to its score, p50 / p99 |",
        "|---|---|---|",
    ]
    for load in ("10", "50", "90"):
        at = found[load]
        rows.append(
            f"| {load} % | {_seconds(at['counter_p50_s'], 2)} / {_seconds(at['counter_p99_s'], 2)} "
            f"| {_seconds(at['closed_after_end_p50_s'], 1)} / {_seconds(at['closed_after_end_p99_s'], 1)} |"
        )
    rate, when = _rate(found["saturation"]["per_wall_s"]), f"{found['broker']}, {found['date'][:10]}"
    last = f"Full load is {rate} events per second ({when}). A window waits {_GRACE:.0f} s for stragglers."
    return "\n".join([*rows, "", last])


def _seconds(value: float | None, digits: int) -> str:
    """A delay; None where so many events were not reached while it was measured that the quantile is unknown."""
    return "not reached" if value is None else f"{value:.{digits}f} s"


def soak_sentence() -> str:
    """What the last full `make bench-soak` measured."""
    found, elsewhere = _result("soak"), _slower("soak")
    if found is None:
        return _none("soak")
    return _soak(found) + ("" if elsewhere is None else f" {_where(elsewhere)}: {_soak(elsewhere)}")


def _soak(found: dict[str, Any]) -> str:
    exact = "every one stored exactly once" if found["exact"] else "NOT exactly stored"
    return (
        f"{found['minutes']:.0f} minutes at full speed ({found['date'][:10]}): {found['events']:,} events, {exact}; "
        f"the worker held {found['rss_after_warm_up_mb']:,.0f} MB after the warm-up and "
        f"{found['rss_end_mb']:,.0f} MB at the end "
        f"(slope {found['slope_mb_per_hour']:+,.0f} MB an hour, {found['slope_low_mb_per_hour']:+,.0f} to "
        f"{found['slope_high_mb_per_hour']:+,.0f})."
    )


def otlp_sentence() -> str:
    """What the last full `make bench-otlp` measured."""
    found = _result("otlp")
    if found is None:
        return _none("otlp")
    elsewhere = _slower("otlp")
    return f"OTLP, intake alone: {_otlp(found)} ({found['date'][:10]})." + (
        "" if elsewhere is None else f" {_where(elsewhere)}: {_otlp(elsewhere)}."
    )


def _otlp(found: dict[str, Any]) -> str:
    return (
        f"{_rate(found['otlp_proto_per_cpu_s'])} spans per CPU second as protobuf and "
        f"{_rate(found['otlp_json_per_cpu_s'])} as JSON, agents' traces; "
        f"{_rate(found['otlp_proto_chats_per_cpu_s'])} and {_rate(found['otlp_json_chats_per_cpu_s'])} where every "
        "span is an inference"
    )


def _grouped(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


BLOCKS = {
    "throughput": throughput_tables,
    "growth": growth_table,
    "latency": latency_table,
    "soak": soak_sentence,
    "otlp": otlp_sentence,
    "crash": crash_sentence,
}
