"""What a file makes of the detector's assumptions and of the policy, said before anybody wonders why nothing pages."""

from collections.abc import Iterator

from detectors.knowledge import TRAFFIC_KNOWN
from detectors.learning import MIN_EVENTS, min_windows
from detectors.schedule import HISTORY
from detectors.season import DAY
from monitor.policy import Policy


def about_windows(seconds: int) -> Iterator[str]:
    """What to say of windows of so many seconds."""
    most = HISTORY // seconds
    least = min_windows(seconds)
    if most < least:
        yield (
            f"windows of {seconds:,} s are too long: a baseline needs {least} windows "
            f"within {HISTORY // DAY} days, and there are {most} at most; all series stay WARMING and nothing pages"
        )


def about_spacing(seconds: int, spacing: int) -> Iterator[str]:
    """What to say where rows follow one another more slowly, in seconds, than the windows that they are said to be."""
    if spacing > seconds:
        yield (
            f"windows are {seconds:,} s, but rows follow one another every {spacing:,} s; a window without a row has "
            f"nothing evaluated: give --window {spacing}s if that is what they are"
        )


def about_coverage(policy: Policy, are_values: bool, expects: bool) -> Iterator[str]:
    """What to say where a policy has a floor of coverage and a file has no coverage to hold against it.

    `are_values`: the file has plain values; `expects`: it says how many events should have been evaluated.
    """
    floors = (policy.coverage_floor, *(one.coverage_floor for one in policy.kpis.values()))
    if expects or all(floor is None for floor in floors):
        return
    why = (
        "plain values have no coverage"
        if are_values
        else "the file has no column 'expected', so each of its windows counts as covered"
    )
    yield f"the coverage_floor of policy {policy.version} has no effect here: {why}"


def about_warming(seconds: int) -> str:
    """What a series of such windows needs to be scored, for people who wonder why one of theirs never was."""
    return (
        f"what stays WARMING has too little to learn from: a baseline needs {min_windows(seconds):,} windows with "
        f"events and {MIN_EVENTS:,.0f} events within {HISTORY // DAY} days; arrivals need {TRAFFIC_KNOWN // DAY} days"
    )
