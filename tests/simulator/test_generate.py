from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from monitor.errors import UserError
from monitor.simulator.faults import CONTENT, CONTENT_MARKER, MALFORMED
from monitor.simulator.generate import generate
from monitor.simulator.plan import Plan, Record, Shares, Tally
from monitor.simulator.scenarios import SCENARIOS, Scenario, scenario
from monitor.simulator.traffic import Traffic
from schemas.codec import Reject, decode
from schemas.telemetry import TELEMETRY, Evaluation, Heartbeat, Interaction
from schemas.topics import TOPICS

_START = datetime(2026, 11, 18, 13, 59, 57, 250_000, tzinfo=UTC)  # not on a window's edge, on purpose
_ADAPTERS = {topic.name: topic.adapter for topic in TOPICS}
_FAULTY = Shares(duplicate=0.02, malformed=0.03, content=0.01, late=0.05)


def _plan(seconds: float = 42.0, rate: float = 60.0, of: Scenario | None = None) -> Plan:
    return Plan(_START, 5, seconds, Traffic(rate), scenario=of, shares=_FAULTY)


def _run(plan: Plan) -> tuple[list[Record], Tally]:
    tally = Tally()
    return list(generate(plan, tally)), tally


def _happened(records: list[Record]) -> list[Interaction]:
    found = [TELEMETRY.validate_json(r.value or b"") for r in records if r.note in ("interaction", "late")]
    return [event for event in found if isinstance(event, Interaction)]


def test_the_same_plan_gives_the_same_bytes() -> None:
    first, again = _run(_plan()), _run(_plan())
    assert first == again
    assert first[0] != _run(replace(_plan(), seed=6))[0]
    assert first[0] != _run(replace(_plan(), start=_START + timedelta(seconds=1)))[0]


def test_an_endless_plan_begins_as_a_long_one() -> None:
    endless = list(islice(generate(replace(_plan(), seconds=None), Tally()), 500))
    assert endless == _run(_plan(seconds=100.0))[0][:500]


def test_records_come_in_the_order_of_sending() -> None:
    records, _ = _run(_plan())
    assert all(one.at <= next_one.at for one, next_one in pairwise(records))
    assert records[-1].at <= 43.0


@pytest.mark.parametrize("kind", [None, *SCENARIOS], ids=lambda kind: kind.name if kind else "quiet")
def test_good_records_decode_and_bad_ones_are_refused_for_their_reason(kind: type[Scenario] | None) -> None:
    records, tally = _run(_plan(rate=150.0, of=scenario(kind.name, 10.0, duration=20.0) if kind else None))
    for record in records:
        result = decode(_ADAPTERS[record.topic], record.value)
        wanted = record.note.partition(":")[2]
        assert (result.reason if isinstance(result, Reject) else "") == wanted, record.note
        if not isinstance(result, Reject):
            assert result.emitter == record.key
    assert tally.malformed > 50
    assert tally.content > 10


def test_every_kind_of_fault_occurs() -> None:
    records, _ = _run(_plan(rate=400.0))
    notes = {record.note for record in records}
    assert {f"malformed:{reason}" for reason, _ in MALFORMED} <= notes
    assert {f"content:{reason}" for reason, _ in CONTENT} <= notes
    marked = [CONTENT_MARKER.encode() in (record.value or b"") for record in records]
    assert marked == [record.note.startswith("content:") for record in records]


def test_records_of_five_megabytes_only_if_asked_for() -> None:
    plan = replace(_plan(rate=200.0), shares=Shares(malformed=0.1))
    assert max(len(record.value or b"") for record in _run(plan)[0]) < 1_000_000
    big = (record for record in generate(replace(plan, huge=True), Tally()) if len(record.value or b"") > 5_000_000)
    assert next(big).note == "malformed:too_large"


def test_the_tally_counts_what_was_handed_out() -> None:
    records, tally = _run(_plan(of=scenario("model_swap", 5.0, duration=10.0)))
    notes = Counter(record.note.partition(":")[0] for record in records)
    assert tally.sent == len(records)
    assert tally.interactions == notes["interaction"] + notes["late"]
    assert (tally.evaluations, tally.heartbeats) == (notes["evaluation"], notes["heartbeat"])
    assert (tally.malformed, tally.content) == (notes["malformed"], notes["content"])
    assert (tally.duplicates, tally.late) == (notes["duplicate"], notes["late"])
    assert (tally.changes, tally.dropped) == (2, 0)


def test_what_was_not_taken_is_not_counted() -> None:
    tally = Tally()
    stream = generate(_plan(), tally)
    for _ in range(10):
        next(stream)
    stream.close()
    assert tally.sent == 9  # the tenth was handed out, and nobody said that it was sent


def test_a_duplicate_repeats_an_earlier_record_of_its_key() -> None:
    records, tally = _run(_plan())
    seen: set[tuple[str, bytes | None]] = set()
    for record in records:
        if record.note == "duplicate":
            assert (record.key, record.value) in seen
        seen.add((record.key, record.value))
    assert tally.duplicates > 20


def test_event_ids_are_unique() -> None:
    records, _ = _run(_plan())
    good = [r for r in records if r.note in ("interaction", "late", "evaluation", "heartbeat", "change")]
    ids = {_ADAPTERS[record.topic].validate_json(record.value or b"").event_id for record in good}
    assert len(ids) == len(good)


def test_nothing_is_sent_before_it_happened() -> None:
    for record in _run(_plan())[0]:
        if record.note in ("interaction", "late", "evaluation", "heartbeat"):
            ts = TELEMETRY.validate_json(record.value or b"").ts
            assert _START <= ts <= _START + timedelta(seconds=min(record.at, 42.0))


def test_late_ones_are_late_and_others_are_not() -> None:
    for record in _run(_plan())[0]:
        if record.note in ("interaction", "late"):
            delay = record.at - (TELEMETRY.validate_json(record.value or b"").ts - _START).total_seconds()
            assert 2.0 <= delay <= 60.0 or record.note != "late" or record.at == 43.0
            assert delay <= 3.1 or record.note == "late"


@pytest.mark.parametrize("lost", [False, True])
def test_heartbeats_count_exactly_what_happened(lost: bool) -> None:
    incident = scenario("lost_telemetry", 8.0, duration=20.0, size=0.7) if lost else None
    records, tally = _run(_plan(of=incident))
    arrived = Counter((e.emitter, e.feature, int(e.ts.timestamp()) // 10) for e in _happened(records))
    counts: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for record in records:
        if record.note == "heartbeat":
            beat = TELEMETRY.validate_json(record.value or b"")
            assert isinstance(beat, Heartbeat)
            assert (beat.ts.timestamp() % 10, beat.started_at) == (0.0, _START)
            counts[beat.emitter, beat.feature][int(beat.ts.timestamp()) // 10] = beat.interactions
    assert len(counts) == 12
    missing = 0
    for (emitter, feature), by_boundary in counts.items():
        assert len(by_boundary) == 4
        before = 0
        for boundary, total in sorted(by_boundary.items()):
            gap = total - before - arrived[emitter, feature, boundary - 1]
            assert gap >= 0
            assert gap == 0 or (lost and feature == "support-chat")
            missing, before = missing + gap, total
    assert missing == tally.dropped  # the incident ends before the last boundary
    assert (tally.dropped > 100) is lost


def test_other_features_do_not_notice_a_scenario() -> None:
    def good(records: list[Record]) -> list[Record]:
        return [r for r in records if ":" not in r.note and b"support-chat" not in (r.value or b"")]

    quiet, loud = _run(_plan())[0], _run(_plan(of=scenario("refusal_spike", 8.3, duration=20.0)))[0]
    assert quiet != loud
    assert good(quiet) == good(loud)
    assert len(good(quiet)) > 500


def test_the_onset_is_exact() -> None:
    records, _ = _run(_plan(rate=400.0, of=scenario("guardrail_fail_open", 11.3, duration=9.1, size=0.5)))
    bypassed = [
        (event.ts - _START).total_seconds()
        for event in _happened(records)
        if event.feature == "support-chat" and any(g.outcome == "bypassed" for g in event.guardrails)
    ]
    during = [at for at in bypassed if 11.3 <= at < 20.4]
    assert len(during) > 100
    assert len(bypassed) - len(during) < 20
    assert min(during) < 11.4


def test_verdicts_belong_to_interactions() -> None:
    records, tally = _run(_plan(rate=200.0))
    known = {event.trace_id: event for event in _happened(records)}
    verdicts = [TELEMETRY.validate_json(r.value or b"") for r in records if r.note == "evaluation"]
    assert len(verdicts) == tally.evaluations > 50
    for verdict in verdicts:
        assert isinstance(verdict, Evaluation)
        subject = known[verdict.trace_id]
        assert verdict.ts > subject.ts
        assert (verdict.feature, verdict.model, verdict.tenant) == (subject.feature, subject.model, subject.tenant)
        if verdict.signal == "refusal_quality":
            assert subject.refusal is not None
            assert subject.refusal.refused


def test_a_swap_is_announced_as_it_happens() -> None:
    records, _ = _run(_plan(of=scenario("model_swap", 5.0, duration=10.0)))
    change = next(_ADAPTERS[r.topic].validate_json(r.value or b"") for r in records if r.note == "change")
    assert change.ts == _START + timedelta(seconds=5)
    models = {
        e.model
        for e in _happened(records)
        if e.feature == "support-chat" and change.ts <= e.ts < change.ts + timedelta(seconds=10)
    }
    assert models == {change.to_version}


def test_a_plan_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="time zone"):
        Plan(datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake it must find
    with pytest.raises(UserError, match="above 0"):
        Plan(_START, traffic=Traffic(0.0))
    with pytest.raises(UserError, match="support-chat"):
        Plan(_START, scenario=scenario("refusal_spike", 0.0, feature="nobody"))
    with pytest.raises(UserError, match="after the simulation's end"):
        Plan(_START, seconds=10.0, scenario=scenario("refusal_spike", 10.0))
