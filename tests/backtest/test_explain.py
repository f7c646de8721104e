import importlib.util
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.rolling import ByStratum
from monitor.backtest.changes import Deployed
from monitor.backtest.history import History
from monitor.backtest.png import write_png
from monitor.backtest.terminal import COLUMNS, HEIGHT, WIDTH, picture
from monitor.backtest.view import look, view
from monitor.cli import main
from monitor.errors import UserError
from monitor.policy import Policy
from tests.backtest.tables import START, counts, csv_of
from tests.programs import do_without

AT = 1440 + 600
POLICY = Policy(version="t")


@pytest.fixture(name="history", scope="module")
def _history() -> History:
    one = counts(1, 2 * 1440, 60, [(AT, AT + 60, 3.0)])
    one[:, AT + 200 : AT + 220] = 0
    evaluated, bad = one[:1].astype(np.float64), one[1:].astype(np.float64)
    return History("chat", ("k",), START, 60, evaluated, bad, np.ones_like(bad), np.zeros(1), 1)


def around(minutes: int) -> tuple[int, int]:
    return START + (AT - minutes) * 60, START + (AT + minutes) * 60


def test_a_window_of_its_own_shows_what_the_detector_saw(history: History) -> None:
    found = look(history, "k", POLICY, *around(120))
    shown = view(found, 1000)
    assert shown.windows == 1
    for first, leg in found.seen:
        inside = [
            (i, found.first + i - first)
            for i in range(len(shown.times))
            if 0 <= found.first + i - first < len(leg.run.log_e)
        ]
        for place, of_leg in inside:
            assert shown.log_e[place] == leg.run.log_e[of_leg]
            assert shown.expected[place] == leg.run.expected[of_leg]
    quiet = slice(0, 120)
    outside = (shown.observed[quiet] < shown.low[quiet]) | (shown.observed[quiet] > shown.high[quiet])
    assert outside.sum() <= 6
    [mark] = shown.marks
    assert mark.onset is not None
    assert abs(mark.onset - 120) <= 1
    assert shown.open[mark.opened : mark.opened + 30].all()
    assert not shown.open[:120].any()


def test_bins_pool_their_windows_and_keep_the_highest_evidence(history: History) -> None:
    found = look(history, "k", POLICY, *around(120))
    fine, coarse = view(found, 1000), view(found, 24)
    assert coarse.windows == 10
    np.testing.assert_array_equal(coarse.evaluated, fine.evaluated.reshape(24, 10).sum(axis=1))
    np.testing.assert_array_equal(coarse.log_e, fine.log_e.reshape(24, 10).max(axis=1))
    width, narrow = (np.nanmean((one.high - one.low)[: len(one.low) // 2]) for one in (fine, coarse))
    assert narrow < 0.6 * width


def test_the_rate_expected_is_that_of_what_was_asked() -> None:
    """Two strata, 1 % and 9 % bad, and for an hour the latter alone."""
    size = 2 * 1440
    chance = np.random.default_rng(3)
    sore = (np.arange(size) >= AT) & (np.arange(size) < AT + 60)
    n = chance.poisson(np.where(sore, [[0.0], [1200.0]], 600.0))
    parts = np.array([n, chance.binomial(n, [[0.01], [0.09]])], dtype=np.float64)[:, None]
    whole = parts.sum(axis=2)
    strata = ByStratum(("safe", "sore"), parts[0], parts[1])
    one = History("chat", ("k",), START, 60, whole[0], whole[1], np.ones((1, size)), np.zeros(1), 1, strata=strata)
    found = look(one, "k", POLICY, *around(60))
    for bins, width in ((1000, 1), (12, 10)):
        shown = view(found, bins)
        assert shown.windows == width
        assert shown.marks == []
        before, during = shown.expected[: 60 // width], shown.expected[60 // width :]
        assert np.allclose(before, 0.05, rtol=0.1)
        assert np.allclose(during, 0.09, rtol=0.1)
        inside = (shown.low <= shown.observed) & (shown.observed <= shown.high)
        assert inside.mean() > 0.9
    for first, leg in found.seen:
        at = np.arange(found.first, found.last)
        mine = (at >= first) & (at < first + len(leg.run.expected))
        assert (view(found, 1000).expected[mine] == leg.run.expected[at[mine] - first]).all()


def test_where_nothing_was_evaluated_nothing_is_observed(history: History) -> None:
    shown = view(look(history, "k", POLICY, START + (AT + 200) * 60, START + (AT + 220) * 60), 1000)
    assert np.isnan(shown.observed).all()
    assert np.isfinite(shown.expected).all()


def test_the_picture_fits_a_terminal_and_shows_all_it_names(history: History) -> None:
    text = picture(view(look(history, "k", POLICY, *around(300)), COLUMNS), ["2026-11-20T12:00:00Z model a to b"] * 9)
    lines = text.splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH
    assert all(sign in text for sign in "*-:#=!P<E")
    assert "change: 2026-11-20T12:00:00Z model a to b" in text


def test_before_the_first_baseline_there_is_no_band_and_no_threshold(history: History) -> None:
    text = picture(view(look(history, "k", POLICY, START, START + 1800), COLUMNS), [])
    assert "*" in text.split("\n", 1)[1]
    assert "=" not in text.split("threshold", 1)[1]


def test_a_png_is_drawn(history: History, tmp_path: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        do_without("matplotlib", "it is in the extra `plot`, which this environment does not have")
    write_png(
        view(look(history, "k", POLICY, *around(300)), 900),
        [Deployed(START + AT * 60, "model a to b")],
        tmp_path / "x.png",
    )
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="cannot write"):
        write_png(view(look(history, "k", POLICY, *around(300)), 900), [], tmp_path / "none" / "x.png")


def explain(path: Path, *words: object) -> tuple[int, str, str]:
    asked = ["explain", "chat", "k", "--file", str(path), *map(str, words)]
    done = CliRunner().invoke(main, asked, catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_the_command_draws_a_file_and_says_what_is_not_there(history: History, tmp_path: Path) -> None:
    rows = zip(history.evaluated[0].astype(int), history.bad[0].astype(int), strict=True)
    path = csv_of(tmp_path, *(f"{START + 60 * i},chat,k,{n},{k}" for i, (n, k) in enumerate(rows)))
    code, shown, _ = explain(path, "--at", START + AT * 60, "--before", "2h", "--after", "1h")
    assert code == 0
    assert shown.startswith("chat k: rate per 3 min")
    code, _, told = explain(path, "--at", START - 90 * 86_400)
    assert (code, "no windows around" in told) == (1, True)
    code, _, told = explain(csv_of(tmp_path, "1800000000,chat,l,5,1", name="v.csv"), "--at", START, "--window", "10s")
    assert (code, "has no KPI 'k'" in told) == (1, True)
    code, _, told = explain(csv_of(tmp_path, "1800000000,chats,k,5,1", name="u.csv"), "--at", START, "--window", "10s")
    assert (code, "no feature 'chat'; it has chats" in told) == (1, True)
