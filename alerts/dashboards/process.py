"""What each worker's process takes: CPU, memory, open files, and since when it runs."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from alerts.dashboards import panels
from alerts.dashboards.sources import range_query


def process(board: Dashboard) -> Dashboard:
    """The dashboard with a row on the workers' processes. Without /proc a worker shows nothing of it."""
    cpu = range_query("rate(vigil_process_cpu_seconds_total[$__rate_interval])", "{{instance}}")
    memory = [
        range_query("vigil_process_resident_memory_bytes", "{{instance}}", "A"),
        range_query("vigil_process_virtual_memory_bytes", "{{instance}} virtual", "B"),
    ]
    files = [
        range_query("vigil_process_open_fds", "{{instance}}", "A"),
        range_query("vigil_process_max_fds", "{{instance}} allowed", "B"),
    ]
    age = range_query("time() - vigil_process_start_time_seconds", "{{instance}}")
    return (
        board.with_row(Row("What the processes take"))
        .with_panel(
            panels.series(
                "CPUs",
                "By worker, which counts on one; a store in its process adds its own.",
                [cpu],
                unit="short",
                width=6,
            )
        )
        .with_panel(panels.series("Memory", "By worker; resident is what it holds.", memory, unit="bytes", width=6))
        .with_panel(panels.series("Open files", "By worker, and how many it may have.", files, unit="short", width=6))
        .with_panel(panels.series("Age", "By worker; it falls to 0 with a restart.", [age], unit="s", width=6))
    )
