import hashlib
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import common
from benchmarks.equal_work import MODULES, expected_digest, parse_report
from benchmarks.events import SIZES, Shape, make
from benchmarks.peers.work import digest, key_of
from benchmarks.throughput import Measured, summary
from monitor.errors import UserError
from schemas.codec import Reject, decode
from schemas.telemetry import TELEMETRY, Telemetry

STAT = "4242 (a (odd) name) S 17 4242 4242 0 -1 4194560 900 0 0 0 250 50 7 9 20 0 4 0 100 1000 200"
BEGIN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def decoded(events: list[bytes]) -> list[Telemetry]:
    return [event for event in answers(events) if not isinstance(event, Reject)]


def answers(events: list[bytes]) -> list[Telemetry | Reject]:
    found: list[Telemetry | Reject] = []
    for event in events:
        answer = decode(TELEMETRY, event)
        found.append(answer)
    return found


def test_cpu_is_user_and_system_time_of_the_process_alone() -> None:
    assert common.cpu_of_stat(STAT, 100) == 3.0


def test_parent_is_found_behind_a_name_with_brackets() -> None:
    assert common.parent_of_stat(STAT) == 17


def test_cpu_of_this_process_grows_as_it_works() -> None:
    before, begin = common.cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() - begin < 0.1:
        hashlib.sha256(b"x" * 100_000)
    assert common.cpu_seconds(os.getpid()) - before >= 0.08


def test_cpu_of_a_process_that_ended_is_an_error_that_says_so() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with pytest.raises(UserError, match="ended while it was measured"):
        common.cpu_seconds(ended.pid)


def test_program_of_a_leash_is_its_child() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        siblings = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
        if siblings.exists() and len(siblings.read_text().split()) > 1:
            pytest.skip("another test left a child, so this process has no single one")
        assert common.program_of(os.getpid()) == child.pid
        child.communicate(b"\n")


def test_spread_is_the_middle_and_both_ends() -> None:
    assert common.spread([3.0, 1.0, 2.0]) == common.Spread(2.0, 1.0, 3.0, 3)
    assert common.spread([]) is None


def test_spread_is_rounded_for_json() -> None:
    assert common.Spread(1.26, 1.0, 2.0, 3).rounded(1) == {"median": 1.3, "low": 1.0, "high": 2.0, "rounds": 3}


def test_ratios_pair_the_rounds() -> None:
    assert common.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="shorter"):
        common.ratios([1.0, 2.0], [1.0])


def test_everybody_is_first_once() -> None:
    names = ["a", "b", "c"]
    assert [common.turned(names, turn)[0] for turn in range(3)] == names
    assert sorted(common.turned(names, 2)) == names
    assert common.turned([], 1) == []


@pytest.mark.parametrize(("value", "quick"), [("1", True), ("", False), ("0", False)])
def test_quick_is_asked_for_by_a_variable(value: str, quick: bool) -> None:
    assert common.is_quick({"QUICK": value}) is quick
    assert common.is_quick({}) is False


def test_children_get_only_the_settings_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_GRACE", "7")
    ours = {name: value for name, value in common.child_environment(broker="x:1").items() if name.startswith("VIGIL_")}
    assert ours == {"VIGIL_BROKER": "x:1"}


def test_a_quick_run_writes_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    common.finish("x", {"a": 1}, quick=True)
    assert not (tmp_path / "results").exists()
    common.finish("x", {"a": 1}, quick=False)
    assert (tmp_path / "results" / "x.json").read_text() == '{\n  "a": 1\n}\n'
    assert capsys.readouterr().out == '{"a": 1}\n{"a": 1}\n'


def test_workspace_is_kept_only_after_a_failure_to_look_into() -> None:
    with common.workspace() as folder:
        (folder / "log").write_text("x")
    assert not folder.exists()
    with pytest.raises(UserError), common.workspace() as folder:
        raise UserError("no")
    assert folder.exists()
    folder.rmdir()


def test_last_words_leave_out_the_inside_of_a_traceback(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert common.last_words(log) == "none"
    log.write_text('one\ntwo\n  File "x"\n    call()\nCode: 41\n\nend\n')
    assert common.last_words(log) == "two | Code: 41 | end"


def test_what_a_user_can_fix_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise UserError("do this")

    assert common.guarded(fails) == 1
    assert capsys.readouterr().err == "do this\n"


@pytest.mark.parametrize(("size", "low", "high"), [("0.3 kB", 280, 320), ("0.6 kB", 550, 580), ("2 kB", 1900, 2200)])
def test_events_have_their_size_and_pass_the_contract(size: str, low: int, high: int) -> None:
    events = make(Shape(2000, BEGIN, size=size))
    assert low < sum(map(len, events)) / len(events) < high
    assert [answer for answer in answers(events) if isinstance(answer, Reject)] == []


def test_all_sizes_are_tested_above() -> None:
    assert set(SIZES) == {"0.3 kB", "0.6 kB", "2 kB"}


def test_events_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    shape = Shape(500, BEGIN)
    assert make(shape) == make(shape)
    assert not set(make(shape)) & set(make(Shape(500, BEGIN, seed=8)))


def test_no_event_comes_twice_and_times_do_not_go_back() -> None:
    good = decoded(make(Shape(3000, BEGIN, rate=1000)))
    assert len({event.event_id for event in good}) == 3000
    times = [event.ts for event in good]
    assert times == sorted(times)
    assert times[-1] == BEGIN + timedelta(seconds=2.999)


def test_as_many_features_as_asked_for() -> None:
    assert len({event.feature for event in decoded(make(Shape(5000, BEGIN, features=10)))}) == 10


def test_one_record_in_ten_is_bad_in_eight_ways() -> None:
    rejected = [answer for answer in answers(make(Shape(800, BEGIN, bad_every=10))) if isinstance(answer, Reject)]
    assert len(rejected) == 80
    assert len({(reject.reason, reject.field) for reject in rejected}) == 8


def test_work_counts_by_feature_and_ten_seconds() -> None:
    event = {"kind": "", "event_id": "", "emitter": "", "model": "", "trace_id": "", "finish_reason": ""}
    event |= {"ts": "2026-11-20T10:00:27.123Z", "feature": "chat", "latency_ms": "1"}
    assert key_of(event) == ("chat", "2026-11-20T10:00:2")
    del event["trace_id"]
    with pytest.raises(KeyError):
        key_of(event)


def test_digest_does_not_depend_on_order_but_on_counts() -> None:
    a, b = ("x", "1"), ("y", "1")
    assert digest({a: 1, b: 2}) == digest({b: 2, a: 1})
    assert digest({a: 1, b: 2}) != digest({a: 2, b: 1})


def test_expected_digest_is_what_an_engine_should_count() -> None:
    events = make(Shape(100, BEGIN))
    assert expected_digest(events) == expected_digest(events[::-1])
    assert expected_digest(events) != expected_digest(events[1:])


def test_a_report_is_found_behind_what_terminals_get() -> None:
    assert parse_report('warning\n\x1b[?25l{"engine": "x", "records": 3}\nbye\n') == {"engine": "x", "records": 3}
    assert parse_report("no\n{}\n") is None


def test_what_was_left_out_is_null() -> None:
    measured = Measured()
    measured.engines["vigil"] += [30.0, 20.0, 40.0]
    measured.engines["bytewax"] += [10.0, 10.0, 10.0]
    result = summary(measured)
    assert result["end_to_end_per_cpu_s"] is None
    assert result["ratio_bytewax"] == 3.0
    assert result["ratio_bare"] is None
    assert result["equal_work"] == dict.fromkeys(MODULES) | {"vigil": 30.0, "bytewax": 10.0}
    assert result["spreads"]["ratio_bytewax"] == {"median": 3.0, "low": 2.0, "high": 4.0, "rounds": 3}
    assert "ratio_bare" not in result["spreads"]
