"""Views for people: they hide merges and masks. Made from the KPI catalogue, so SQL and Python say the same."""

from monitor.store.incident_views import incident_views
from monitor.windows import DIMENSIONS, WINDOW_SECONDS
from schemas.kpis import CATALOGUE, Kpi
from schemas.outcomes import Bit
from schemas.probes import FOUND, LOOKED, PROBE
from schemas.telemetry import FIRST_HEARTBEAT_WITHIN

_DIMENSIONS = ", ".join(DIMENSIONS)
_REAL = f"bitAnd(mask, {Bit.SYNTHETIC}) = 0"
_WINDOW_US = WINDOW_SECONDS * 1_000_000
_FIRST_SECONDS = int(FIRST_HEARTBEAT_WITHIN.total_seconds())
_OBSERVABLE_SECONDS = 7 * 86_400
"""An interval between two heartbeats is spread over its last seven days only: Kafka keeps no more, so
nothing can have arrived before, and an emitter that started years ago does not make millions of rows."""


def view_statements() -> list[str]:
    """CREATE OR REPLACE VIEW statements, in the order they need each other."""
    views = {
        "events": "SELECT * FROM telemetry FINAL",
        "kpi_slices": _kpi_slices(),
        "kpi_windows": _kpi_windows(),
        "kpi_events": _kpi_events(),
        "completeness": completeness(),
        "probes": _probes(),
        "offset_audit": _OFFSET_AUDIT,
        **incident_views(),
        "watermarks": _WATERMARKS,
    }
    return [f"CREATE OR REPLACE VIEW {name} AS\n{text.strip()}" for name, text in views.items()]


def _has(bits: int) -> str:
    return f"bitAnd(mask, {bits}) = {bits}"


def _triple(kpi: Kpi) -> str:
    evaluated = _has(kpi.evaluated)
    return f"('{kpi.name}', {evaluated} AND {_has(kpi.bad)}, {evaluated}, {_has(kpi.population)})"


def _sums(keys: str) -> str:
    """The KPI triples of `windows`, summed by window start and these columns.

    The inner query adds up the partials first: there are far fewer masks than rows.
    """
    triples = ",\n        ".join(_triple(kpi) for kpi in CATALOGUE.values())
    return f"""
SELECT
    window_start, {keys}, k.1 AS kpi,
    sum(n * k.2) AS bad,
    sum(n * k.3) AS evaluated,
    sum(n * k.4) AS population,
    sum(weight * k.2) AS weighted_bad,
    sum(weight * k.3) AS weighted_evaluated
FROM (
    SELECT window_start, {keys}, mask, sum(w.n) AS n, sum(w.weight) AS weight
    FROM windows AS w
    WHERE row_kind = 'cell' AND {_REAL}
    GROUP BY window_start, {keys}, mask
)
ARRAY JOIN arrayFilter(x -> x.3 OR x.4, [
        {triples}
    ]) AS k
GROUP BY window_start, {keys}, kpi"""  # noqa: S608  # our own words


def _kpi_slices() -> str:
    return _sums(_DIMENSIONS)


def _kpi_windows() -> str:
    """Below its coverage floor a rate is NULL, never 0: what nobody looked at is not safe."""
    names = ", ".join(f"'{kpi.name}'" for kpi in CATALOGUE.values())
    floors = ", ".join(str(kpi.coverage_floor) for kpi in CATALOGUE.values())
    return f"""
SELECT
    *,
    if(population = 0, 1.0, least(evaluated / population, 1.0)) AS coverage,
    if(evaluated = 0 OR coverage < transform(kpi, [{names}], [{floors}], 1.0), NULL, bad / evaluated) AS rate
FROM ({_sums("feature")}
)"""  # noqa: S608  # our own words


def _kpi_events() -> str:
    bad = ", ".join(f"({_has(k.evaluated)} AND {_has(k.bad)}, '{k.name}')" for k in CATALOGUE.values())
    evaluated = ", ".join(f"({_has(k.evaluated)}, '{k.name}')" for k in CATALOGUE.values())
    return f"""
SELECT
    topic, partition, offset, ts, kind, event_id, trace_id, span_id, request_ref, {_DIMENSIONS},
    surface, provider, finish_reason, category, sample_weight, mask,
    arrayMap(x -> x.2, arrayFilter(x -> x.1, [{bad}])) AS bad_kpis,
    arrayMap(x -> x.2, arrayFilter(x -> x.1, [{evaluated}])) AS evaluated_kpis
FROM telemetry FINAL
WHERE {_REAL}"""  # noqa: S608  # our own words


def _probes() -> str:
    """Known-bad interactions, each once, with what the filters made of it: `schemas.probes.probe_outcome` in SQL."""
    blocked = f"({_has(Bit.BLOCKED)} AND NOT {_has(Bit.GUARDRAIL_ERROR)})"
    return f"""
SELECT
    ts, synthetic AS probe, {_DIMENSIONS},
    multiIf(bitAnd(mask, {FOUND}) != 0 OR {blocked}, 'caught', bitAnd(mask, {LOOKED}) != 0, 'missed', 'not_evaluated')
        AS result,
    arrayMap(g -> g.name, arrayFilter(g -> g.outcome = 'evaluated', guardrails)) AS looked,
    arrayMap(g -> g.name, arrayFilter(g -> g.outcome != 'evaluated', guardrails)) AS did_not_look,
    emitter, finish_reason, trace_id, span_id, request_ref, topic, partition, offset, mask
FROM telemetry FINAL
WHERE {_has(PROBE)}"""  # noqa: S608  # our own words


def completeness(heartbeats: str = "1", windows: str = "1", seconds: int = _OBSERVABLE_SECONDS) -> str:
    """Expected and arrived interactions per window and feature.

    The first two are conditions on the two tables, to read less: an outer condition is not pushed through
    the window functions. A heartbeat tells of the windows that ended less than so many seconds before it.
    """
    # The running maximum makes the differences add up to the last count, in whatever order the
    # heartbeats came, however many were lost, and even when an emitter counted backwards once.
    return f"""
WITH
    counts AS (
        SELECT feature, emitter, started_at, ts, max(interactions) AS total
        FROM heartbeats
        WHERE {heartbeats}
        GROUP BY feature, emitter, started_at, ts
    ),
    ordered AS (
        SELECT
            feature,
            toUnixTimestamp64Micro(ts) AS until_us,
            row_number() OVER (PARTITION BY feature, emitter, started_at ORDER BY ts) = 1
                AND ts > started_at + INTERVAL {_FIRST_SECONDS} SECOND AS only_a_mark,
            max(total) OVER (PARTITION BY feature, emitter, started_at ORDER BY ts
                             ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far,
            max(total) OVER (PARTITION BY feature, emitter, started_at ORDER BY ts
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
            least(toUnixTimestamp64Micro(lagInFrame(ts, 1, started_at)
                      OVER (PARTITION BY feature, emitter, started_at ORDER BY ts
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)), until_us - 1) AS from_us
        FROM counts
    ),
    spread AS (
        SELECT feature, from_us, until_us, so_far - before AS interactions, arrayJoin(range(
            toUInt64(greatest(intDiv(from_us, {_WINDOW_US}),
                              intDiv(until_us - {seconds * 1_000_000}, {_WINDOW_US}))),
            toUInt64(intDiv(until_us - 1, {_WINDOW_US}) + 1))) AS number
        FROM ordered
        WHERE NOT only_a_mark
    )
SELECT
    window_start, feature,
    sum(e) AS expected,
    sum(a) AS arrived,
    if(expected = 0, NULL, arrived / expected) AS completeness
FROM (
    SELECT
        toDateTime(number * {WINDOW_SECONDS}, 'UTC') AS window_start, feature,
        interactions * ((least(until_us, toInt64(number + 1) * {_WINDOW_US})
                         - greatest(from_us, toInt64(number) * {_WINDOW_US})) / (until_us - from_us)) AS e,
        toUInt64(0) AS a
    FROM spread
    UNION ALL
    SELECT window_start, feature, 0.0 AS e, n AS a
    FROM windows
    WHERE row_kind = 'cell' AND {_has(Bit.INTERACTION)} AND {_REAL} AND {windows}
)
GROUP BY window_start, feature"""  # noqa: S608  # our own words


# An idle partition writes ranges that claim nothing (offset_to = offset_from - 1); they only move the watermark.
_OFFSET_AUDIT = """
SELECT
    topic, partition,
    countIf(offset_to >= offset_from) AS ranges,
    minIf(offset_from, offset_to >= offset_from) AS first,
    maxIf(offset_to, offset_to >= offset_from) AS last,
    sum(offset_to - offset_from + 1) AS claimed,
    if(ranges = 0, 0, last + 1 - first) AS expected,
    expected - claimed AS gap
FROM windows
WHERE row_kind = 'range'
GROUP BY topic, partition"""

_WATERMARKS = """
SELECT
    topic, partition,
    max(w.watermark) AS watermark,
    max(w.offset_to) AS offset_to,
    max(w.inserted_at) AS written_at
FROM windows AS w
WHERE row_kind = 'range'
GROUP BY topic, partition"""
