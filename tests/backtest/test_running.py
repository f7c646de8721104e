from pathlib import Path

from monitor.backtest.files import FileSource
from monitor.backtest.page import line
from monitor.backtest.running import run_policy
from monitor.policy import Policy
from tests.backtest.tables import counts, table_of, written

SIZE, AT = 2 * 1440, 1440 + 600


def test_one_core_and_many_find_the_same_pages_to_the_bit(tmp_path: Path) -> None:
    """Features are learned side by side, in whatever order their threads come to run."""
    series = {
        (f"f{i}", "refusal_rate"): counts(90 + i, SIZE, 60, [(AT + 20 * i, AT + 20 * i + 60, 3.0)]) for i in range(5)
    }
    source = FileSource(written(tmp_path, table_of(series, 60), "w.parquet"), 60, {})
    ticks: list[int] = []
    alone = run_policy(source, Policy(version="t"), 0, ticks.append, cores=1)
    together = run_policy(source, Policy(version="t"), 0, ticks.append, cores=4)
    assert len(alone.pages) >= 5
    assert together.pages == alone.pages  # floats and all
    assert [line(page) for page in together.pages] == [line(page) for page in alone.pages]
    assert together.watched == alone.watched
    assert sum(ticks) == 2 * 5 * SIZE
