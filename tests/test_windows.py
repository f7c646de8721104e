from hypothesis import given
from hypothesis import strategies as st

from monitor.windows import DIMENSIONS, OTHER, SliceCap, Watermark, closed_until, window_start


def cut(feature: str, model: str = "", tenant: str = "") -> tuple[str, ...]:
    values = {"feature": feature, "model": model, "tenant": tenant}
    return tuple(values.get(name, "") for name in DIMENSIONS)


@given(st.floats(0, 4e9))
def test_a_window_holds_its_moment(moment: float) -> None:
    start = window_start(moment)
    assert start % 10 == 0
    assert start <= moment < start + 10


def test_values_beyond_the_cap_become_other_and_are_named() -> None:
    cap = SliceCap(limit=2)
    assert cap(0, cut("chat", "a")) == (cut("chat", "a"), ())
    assert cap(0, cut("chat", "b")) == (cut("chat", "b"), ())
    assert cap(0, cut("chat", "c")) == (cut("chat", OTHER), ("model",))
    assert cap(0, cut("chat", "a")) == (cut("chat", "a"), ())


def test_caps_are_per_window_and_feature_and_never_fold_the_feature() -> None:
    cap = SliceCap(limit=1)
    cap(0, cut("chat", "a"))
    assert cap(10, cut("chat", "b"))[1] == ()
    assert cap(0, cut("search", "b"))[1] == ()
    assert cap(0, cut("chat", "b"))[0][0] == "chat"


def test_a_forgotten_window_starts_its_cap_anew() -> None:
    cap = SliceCap(limit=1)
    cap(0, cut("chat", "a"))
    cap.forget(before=10)
    assert cap(0, cut("chat", "b"))[1] == ()


def test_the_watermark_is_the_largest_time_less_the_grace() -> None:
    mark = Watermark(grace=5.0, idle_after=15.0)
    mark.advance(100.0, now=100.0)
    mark.advance(90.0, now=101.0)
    assert mark.value == 95.0


def test_an_idle_partition_follows_the_wall_clock_and_a_busy_one_does_not() -> None:
    mark = Watermark(grace=5.0, idle_after=15.0)
    mark.advance(100.0, now=100.0)
    mark.tick(now=110.0, caught_up=True)
    assert mark.value == 95.0
    mark.tick(now=115.0, caught_up=True)
    assert mark.value == 110.0


def test_a_partition_with_a_backlog_is_slow_and_not_idle() -> None:
    mark = Watermark(grace=5.0, idle_after=15.0)
    mark.advance(100.0, now=100.0)
    mark.tick(now=200.0, caught_up=False)
    mark.tick(now=214.0, caught_up=True)
    assert mark.value == 95.0
    mark.tick(now=215.0, caught_up=True)
    assert mark.value == 210.0


def test_a_fast_clock_does_not_make_its_neighbours_late() -> None:
    mark = Watermark(grace=5.0, idle_after=15.0)
    mark.advance(400.0, now=100.0)
    assert mark.value == 95.0


def test_windows_close_at_the_slowest_partition() -> None:
    assert closed_until([125.0, 111.0, 140.0]) == 110
    assert closed_until([]) == 0
