"""Dry replays: awkward files and the real one, against pandas."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitor.errors import UserError
from schemas.telemetry import Evaluation, Heartbeat, Interaction
from tests.replay.recordings import MAP, NOW, awkward, by_slice, dry, interactions, slices

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
SPEECHMAP = ROOT / "docs" / "replay" / "speechmap.toml"


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(MAP)
    return path


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "a.parquet": lambda frame, path: frame.to_parquet(path),
    "a.csv": lambda frame, path: frame.to_csv(path, index=False),
    "a.ndjson.gz": lambda frame, path: frame.to_json(
        path, orient="records", lines=True, date_format="iso", date_unit="us"
    ),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("shuffled", [False, True])
def test_counts_equal_those_of_pandas(tmp_path: Path, map_file: Path, name: str, shuffled: bool) -> None:
    frame = awkward()
    WRITERS[name](frame.sample(frac=1, random_state=1) if shuffled else frame, tmp_path / name)
    found, summary = dry(tmp_path / name, map=map_file)
    assert slices(found) == by_slice(frame)
    assert (summary.events, summary.refused, summary.sent) == (len(frame), {}, 0)
    times = [event.ts.timestamp() for event in interactions(found)]
    assert times == sorted(times)
    assert np.allclose(np.diff(times), frame["at"].diff().dt.total_seconds()[1:], atol=1e-5)
    assert ("not in time order" in str(summary.notes)) == shuffled
    assert sum(event.tokens_output or 0 for event in interactions(found)) == frame["tokens"].sum()


def test_heartbeats_say_how_many_there_were(tmp_path: Path, map_file: Path) -> None:
    frame = awkward()
    frame.to_parquet(tmp_path / "a.parquet")
    found, summary = dry(tmp_path / "a.parquet", map=map_file)
    beats = [event for event in found if isinstance(event, Heartbeat)]
    assert len(beats) == summary.heartbeats == 6000 * 0.3 / 10 + 1
    for beat in beats:
        assert beat.interactions == sum(event.ts < beat.ts for event in interactions(found))
    assert beats[-1].ts <= NOW
    assert beats[-1].interactions == len(frame)
    assert dry(tmp_path / "a.parquet", map=map_file, heartbeats=False)[1].heartbeats == 0


def test_every_refused_row_is_counted_by_reason(tmp_path: Path, map_file: Path) -> None:
    rows = [
        {"at": 1, "model": "m", "category": "c", "tokens": 1, "verdict": "ok"},
        {"at": "noon", "verdict": "ok"},
        {"verdict": "ok"},
        {"at": 2, "verdict": "perhaps"},
        {"at": 2, "verdict": "perhaps"},
        {"at": 2, "tokens": 1.5},
        {"at": 2, "tokens": -1},
    ]
    file = tmp_path / "a.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n")
    found, summary = dry(file, map=map_file)
    assert len(interactions(found)) == summary.events == 1
    assert summary.refused == {
        "bad_time: ts": 1, "missing_field: ts": 1, "unlisted_value: refusal.refused": 2,
        "wrong_type: tokens_output": 1, "out_of_range: tokens_output": 1, "not_json": 1,
    }  # fmt: skip
    assert summary.first_refused["unlisted_value: refusal.refused"] == 4
    assert summary.unlisted == {"refusal.refused": {"perhaps": 2}}
    with pytest.raises(UserError, match="row 2 is refused, bad_time: ts"):
        dry(file, map=map_file, strict=True)


def test_kept_times_out_of_range_are_refused(tmp_path: Path, map_file: Path) -> None:
    frame = awkward(4)
    frame["at"] = pd.to_datetime(
        ["2020-01-01", "2026-11-20T22:59:59", "2026-11-20T23:04:00", "2026-11-21"], utc=True, format="ISO8601"
    )
    frame.to_parquet(tmp_path / "a.parquet")
    found, summary = dry(tmp_path / "a.parquet", map=map_file, keep_times=True, heartbeats=False)
    assert summary.refused == {"too_old: ts": 1, "from_the_future: ts": 1}
    assert [event.ts.isoformat() for event in interactions(found)] == [
        "2026-11-20T22:59:59+00:00",
        "2026-11-20T23:04:00+00:00",
    ]
    assert "VIGIL_MAX_AGE_DAYS" in str(summary.notes)


def test_ids_are_of_file_and_row_until_run_says_otherwise(tmp_path: Path, map_file: Path) -> None:
    awkward(50).to_parquet(tmp_path / "a.parquet")
    one, again, other = (
        {event.event_id for event in dry(tmp_path / "a.parquet", map=map_file, run=run)[0]} for run in ("", "", "two")
    )
    assert one == again
    assert not one & other
    map_file.write_text(MAP + 'event_id = { columns = ["model"], as = "hash" }\n')
    frame = awkward(50)
    frame.to_parquet(tmp_path / "a.parquet")
    repeats = frame["model"].notna().sum() - frame["model"].nunique()
    assert f"{repeats} events repeat an event_id" in str(dry(tmp_path / "a.parquet", map=map_file)[1].notes)


def test_borrowed_times(tmp_path: Path, map_file: Path) -> None:
    awkward(5).drop(columns="at").to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"t": [1_000_000_000, 1_000_000_004, 1_000_000_001]}).to_csv(tmp_path / "t.csv", index=False)
    found, summary = dry(tmp_path / "a.parquet", map=map_file, times=f"{tmp_path / 't.csv'}:t", limit=4)
    start = interactions(found)[0].ts
    assert [(event.ts - start).total_seconds() for event in interactions(found)] == [0, 1, 4, 4]
    assert "4 rows and 3 times" in str(summary.notes)
    with pytest.raises(UserError, match="FILE:COLUMN"):
        dry(tmp_path / "a.parquet", map=map_file, times="t.csv")


def own_event(number: int, kind: str, **more: object) -> dict[str, object]:
    base = {"kind": kind, "event_id": f"event-{kind}-{number}", "ts": f"2026-01-01T00:00:{number:02}Z", "emitter": "gw"}
    return base | {"feature": "chat"} | more


def test_our_own_events_need_no_mapping(tmp_path: Path) -> None:
    file = tmp_path / "own.ndjson"
    judged = own_event(3, "evaluation", signal="refusal", outcome="evaluated", bad=True, evaluator="judge")
    leak = own_event(4, "interaction", prompt="hello")
    file.write_text("".join(json.dumps(row) + "\n" for row in [own_event(2, "interaction"), judged, leak]))
    found, summary = dry(file)
    assert [type(event) for event in found] == [Heartbeat, Interaction, Evaluation, Heartbeat]
    assert summary.refused == {"content_field": 1}
    beat = own_event(10, "heartbeat", interactions=1, started_at="2026-01-01T00:00:00Z")
    file.write_text("".join(json.dumps(row) + "\n" for row in [own_event(2, "interaction"), beat]))
    found, summary = dry(file)
    assert [type(event) for event in found] == [Interaction, Heartbeat]
    assert "brings its own heartbeats" in str(summary.notes)
    assert isinstance(found[1], Heartbeat)
    assert (found[1].ts - found[1].started_at).total_seconds() == 10
    with pytest.raises(UserError, match="needs a mapping"):
        dry(tmp_path / "a.csv")


def test_the_real_refusals_equal_those_of_pandas() -> None:
    file, times = DATA / "speechmap_refusals.parquet", DATA / "azure_llm_2023_conv.parquet"
    if not file.exists() or not times.exists():
        pytest.skip("NOT TESTED on real refusals: ../shared/data is not beside the repository")
    found, summary = dry(file, map=SPEECHMAP, times=f"{times}:TIMESTAMP")
    frame = pd.read_parquet(file)
    frame["verdict"] = frame["compliance"].map({"COMPLETE": "ok", "EVASIVE": "refused", "DENIAL": "refused"})
    assert slices(found) == by_slice(frame.assign(verdict=frame["verdict"].fillna("error")))
    assert (summary.events, summary.refused, summary.unlisted) == (len(frame), {}, {})
    arrivals = np.sort(pd.read_parquet(times)["TIMESTAMP"].astype("int64"))[: len(frame)]
    gaps = np.diff([event.ts.timestamp() for event in interactions(found)])
    assert np.allclose(gaps, np.diff(arrivals / 1e9), atol=1e-5)
