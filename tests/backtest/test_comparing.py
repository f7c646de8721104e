import json
from dataclasses import replace

from monitor.backtest.comparing import change_line, compare
from monitor.backtest.page import Page

PAGE = Page("chat", "k", 900, 1000, 2000, "up", 0.1, 0.02, (0.05, 0.2), 12.0, 100, 10)


def test_a_page_at_the_same_time_stays() -> None:
    assert compare([PAGE], [replace(PAGE, log_e=14.0)]) == ([], 1)


def test_a_page_of_the_same_incident_at_another_time_has_moved() -> None:
    later = replace(PAGE, detected_at=1060)
    [change], same = compare([PAGE], [later])
    assert (change.what, change.page, same) == ("moved", later, 0)
    told = json.loads(change_line(change))
    assert (told["seconds_later"], told["detected_at_before"]) == (60, "1970-01-01T00:16:40Z")


def test_pages_without_a_counterpart_are_gained_and_lost() -> None:
    far = replace(PAGE, onset=5000, detected_at=5100, resolved_at=None)
    other = replace(PAGE, kpi="l")
    down = replace(PAGE, direction="down")
    changes, same = compare([PAGE, far], [other, down])
    assert same == 0
    assert [(change.what, change.page) for change in changes] == [
        ("lost", PAGE),
        ("gained", down),
        ("gained", other),
        ("lost", far),
    ]


def test_each_page_has_one_counterpart_the_nearest() -> None:
    first, second = replace(PAGE, resolved_at=None), replace(PAGE, detected_at=3000, onset=2900, resolved_at=None)
    changes, same = compare([first, second], [second])
    assert ([change.what for change in changes], same) == (["lost"], 1)
    between = replace(second, detected_at=2900)
    changes, same = compare([first, second], [between, replace(first, detected_at=1100)])
    assert [(change.what, change.page.detected_at) for change in changes] == [("moved", 1100), ("moved", 2900)]
