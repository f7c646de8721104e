"""The command that a page carries: the alert's stored query, with the page's feature, KPI and times in it."""

from alerts.queries import NAMES, load

FIRST = (
    "{{ $all := .Alerts }}{{ if .Alerts.Firing }}{{ $all = .Alerts.Firing }}{{ end }}{{ $first := index $all 0 }}"
    "{{ range $all }}{{ if .StartsAt.Before $first.StartsAt }}{{ $first = . }}{{ end }}{{ end }}"
)
"""Begins a template that speaks of `$first`: of the alerts of a page, the one that began first and still fires. When
none does, of all. Alertmanager sorts them by their labels."""
UTC = '.UTC.Format "2006-01-02T15:04:05Z"'
_HOUR, _QUARTER = 3_600_000_000_000, 900_000_000_000
"""Nanoseconds, as Go counts a duration."""


def _time(shift: int) -> str:
    """The time at which the first alert of the page began, shifted by so many nanoseconds. After FIRST."""
    moment = f"($first.StartsAt.Add {shift})" if shift else "$first.StartsAt"
    return f"{{{{ {moment}{UTC} }}}}"


SINCE = f"{FIRST}{_time(0)}"
_VALUES = {
    "feature": "{{ .CommonLabels.feature }}",
    "kpi": "{{ .CommonLabels.kpi }}",
    "at": _time(0),
    "from": _time(-_HOUR),
    "to": _time(_HOUR),
    "lookback_minutes": "120",
    "baseline_minutes": "60",
}
"""What stands for each parameter of the stored queries. The page is read soon, so its hour ahead is now."""
_ONSET = _time(-_QUARTER)
"""Where the query asks for the onset: most alerts come a few minutes after it."""


def _given(query: str) -> str:
    parameters = [one.name for one in load(query).parameters]
    values = _VALUES | ({"from": _ONSET} if "baseline_minutes" in parameters else {})
    if query == "is_the_monitor_whole":  # the store knows each partition's newest moment only, so it is asked about now
        values |= {"at": "now"}
    given = "".join(f" --param {name}={values[name]}" for name in parameters)
    return f'{{{{ if eq $first.Annotations.query "{query}" }}}}{given}{{{{ end }}}}'


COMMAND = (
    f"{FIRST}{{{{ with $first.Annotations.query }}}}vigil sql --query-name {{{{ . }}}}{{{{ end }}}}"
    f"{''.join(map(_given, NAMES))}"
)
"""An Alertmanager template; nothing where the alert has no query. KeyError: a stored query has a new parameter."""
