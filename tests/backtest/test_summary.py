import pytest
from scipy.stats import poisson

from detectors.season import WEEK
from monitor.backtest.page import Page
from monitor.backtest.scoring import Outcome
from monitor.backtest.summary import Setting, as_json, as_text, poisson_interval


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_interval_is_exact(count: int) -> None:
    low, high = poisson_interval(count)
    assert poisson.sf(count - 1, low) == pytest.approx(0.025)
    assert poisson.cdf(count, high) == pytest.approx(0.025)


def test_no_page_has_an_upper_bound_all_the_same() -> None:
    low, high = poisson_interval(0)
    assert low == 0.0
    assert poisson.cdf(0, high) == pytest.approx(0.025)


def test_pages_are_told_by_kpi_and_by_series_week() -> None:
    found = Outcome(series=3, windows=100)
    page = Page("chat", "k", 900, 1000, None, "up", 0.1, 0.02, (0.05, 0.2), 12.0)
    found.pages = [page, page]
    found.watched.update({"k": 3 * WEEK, "l": WEEK})
    found.watched_features = 2 * WEEK
    found.silent["l"] = 1
    found.cold = [("chat", "m")]
    told = as_json(Setting("w.csv", "t", 10, ["hear this"]), found, 2.0)
    assert (told["pages"], told["series_weeks"], told["pages_per_series_week"]) == (2, 4.0, 0.5)
    assert (told["feature_weeks"], told["pages_per_feature_week"]) == (2.0, 1.0)
    assert told["interval_95_per_feature_week"] == pytest.approx([2 * end for end in told["interval_95"]], abs=1e-3)
    assert told["by_kpi"]["l"] == {"pages": 0, "not_paged_by_policy": 1, "series_weeks": 1.0}
    assert told["windows_per_second"] == 50
    text = as_text(told, found)
    assert "note: hear this" in text
    assert "WARMING all the time, nothing could page: chat m" in text


def test_nothing_watched_has_no_rate() -> None:
    told = as_json(Setting("w.csv", "t", 10, []), Outcome(), 1.0)
    assert (told["pages_per_series_week"], told["interval_95"]) == (None, None)
    assert told["pages_per_feature_week"] is None
    assert "0 pages" in as_text(told, Outcome())
