import numpy as np

from detectors.masks import believable, blocks_mask, spans
from tests.detectors.streams import DAY, WEEK, changed, stream


def test_an_incident_is_left_out_with_a_margin_and_little_else() -> None:
    seen = stream(5, WEEK, factor=changed(WEEK, 3 * DAY, 3 * DAY + 1440, 4.0))
    mask = blocks_mask(seen.evaluated * 1.0, seen.bad * 1.0, stream(5, WEEK).rates, 10)
    assert not mask[3 * DAY : 3 * DAY + 1440].any()
    assert (~mask).sum() <= 1440 + 4 * 180


def test_a_rate_that_wanders_is_not_a_week_of_incidents() -> None:
    seen = stream(6, WEEK, evaluated=2000.0, rate=0.1, wander=0.3)
    quiet = stream(6, WEEK, evaluated=2000.0, rate=0.1)
    assert blocks_mask(seen.evaluated * 1.0, seen.bad * 1.0, quiet.rates, 10).all()


def test_more_than_three_spans_or_a_tenth_are_not_left_out() -> None:
    flags = np.ones(1000, dtype=np.bool_)
    flags[[100, 300, 500]] = False
    assert spans(~flags) == [(100, 101), (300, 301), (500, 501)]
    assert believable(flags) is flags
    flags[700] = False
    assert believable(flags).all()
    long = np.ones(1000, dtype=np.bool_)
    long[200:301] = False
    assert believable(long).all()


def test_a_history_shorter_than_a_block_is_all_normal() -> None:
    assert blocks_mask(np.full(50, 10.0), np.full(50, 10.0), np.full(50, 0.01), 10).all()
