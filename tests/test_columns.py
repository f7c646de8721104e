import numpy as np

from detectors.base import Window
from monitor.columns import SCORED, Expected, Layout, MaskCounts, Series, tables, windows
from schemas.outcomes import Bit

REFUSAL = SCORED.index("refusal_rate")
UNGROUNDED = SCORED.index("ungrounded_rate")
COMPLETENESS = SCORED.index("telemetry_completeness")
ARRIVALS = SCORED.index("arrivals")
RATES = [row for row in range(2 * len(SCORED)) if row % len(SCORED) != ARRIVALS]


def counts(*rows: tuple[int, str, int, int]) -> MaskCounts:
    starts, features, masks, n = zip(*rows, strict=True)
    strata = np.full(len(starts), "", dtype=np.object_)
    names = np.array(features, dtype=np.object_)
    return MaskCounts(
        np.array(starts, dtype=np.int64), names, strata, np.array(masks, dtype=np.uint64), np.array(n, dtype=np.int64)
    )


def laid_out(
    found: MaskCounts, expected: Expected, start: int, end: int, series: Series, first: dict[str, int] | None = None
) -> list[Window]:
    return [window for window, _, _ in windows(tables(found, expected, start, end, Layout(series, first or {})))]


def test_masks_become_triples_per_window_and_feature() -> None:
    series = Series()
    series.add(["a", "b"])
    looked = Bit.INTERACTION | Bit.REFUSAL_EVALUATED
    found = counts(
        (100, "a", looked, 7),
        (100, "a", looked | Bit.REFUSED, 3),
        (110, "b", looked, 5),
        (110, "b", Bit.INTERACTION, 5),
    )
    first, second, third = laid_out(found, {}, 100, 130, series)
    assert (first.evaluated[REFUSAL], first.bad[REFUSAL], first.coverage[REFUSAL]) == (10, 3, 1)
    row = len(SCORED) + REFUSAL
    assert (second.evaluated[row], second.bad[row], second.coverage[row]) == (5, 0, 0.5)
    assert third.start == 120
    assert not third.evaluated[RATES].any()
    assert series.name(row) == ("b", "refusal_rate")


def test_synthetic_events_count_for_nothing() -> None:
    series = Series()
    series.add(["a"])
    [window] = laid_out(counts((100, "a", Bit.INTERACTION | Bit.SYNTHETIC, 9)), {}, 100, 110, series)
    assert not window.evaluated[: COMPLETENESS + 1].any()
    assert window.bad[ARRIVALS] == 0


def test_lost_telemetry_lowers_the_coverage_of_everything_and_is_bad_itself() -> None:
    series = Series()
    series.add(["a"])
    found = counts((100, "a", Bit.INTERACTION | Bit.REFUSAL_EVALUATED, 30))
    [window] = laid_out(found, {(100, "a"): (100.0, 30.0)}, 100, 110, series)
    assert window.coverage[REFUSAL] == 0.3
    assert window.coverage[REFUSAL] < window.floor[REFUSAL]
    assert (window.evaluated[COMPLETENESS], window.bad[COMPLETENESS], window.coverage[COMPLETENESS]) == (100, 70, 1)


def test_what_nobody_evaluated_is_unknown_and_what_nobody_expected_is_not() -> None:
    series = Series()
    series.add(["a"])
    needed = Bit.INTERACTION | Bit.GROUNDING_REQUIRED
    [unchecked] = laid_out(counts((100, "a", needed, 4)), {}, 100, 110, series)
    assert unchecked.coverage[UNGROUNDED] == 0.0
    [irrelevant] = laid_out(counts((100, "a", Bit.INTERACTION, 4)), {}, 100, 110, series)
    assert irrelevant.coverage[UNGROUNDED] == 1.0


def test_silence_is_a_number_of_arrivals_once_a_feature_has_begun() -> None:
    found = counts((110, "a", Bit.INTERACTION, 4))
    before, busy, silent = laid_out(found, {}, 100, 130, Series(["a"]), {"a": 110})
    assert before.evaluated[ARRIVALS] == 0
    assert (busy.bad[ARRIVALS], silent.bad[ARRIVALS]) == (4, 0)
    assert busy.evaluated[ARRIVALS] == silent.evaluated[ARRIVALS] > 0
    assert silent.coverage[ARRIVALS] == 1.0


def test_strata_that_a_feature_is_known_by_have_a_place_and_the_rest_has_the_last() -> None:
    looked = Bit.INTERACTION | Bit.REFUSAL_EVALUATED
    found = counts((100, "a", looked, 7), (100, "a", looked | Bit.REFUSED, 3), (100, "b", looked, 5))
    found.stratum[:] = ["code", "new", "code"]
    layout = Layout(Series(["a", "b"]), {}, {"a": ("code", "talk")})
    [(window, evaluated, bad)] = windows(tables(found, {}, 100, 110, layout))
    row = len(SCORED) + REFUSAL
    assert evaluated[:, REFUSAL].tolist() == [7, 0, 3]
    assert bad[:, REFUSAL].tolist() == [0, 0, 3]
    assert evaluated[:, row].tolist() == [0, 0, 5]
    assert (window.evaluated[REFUSAL], window.evaluated[row]) == (10, 5)
