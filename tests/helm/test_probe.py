"""The CronJob runs `vigil probe` as the program takes it."""

from pathlib import Path

import click

from monitor.cli import main
from tests.helm.chart import environment, objects, values_of


def test_the_job_s_arguments_are_options_of_the_command_and_it_has_time_to_fail(folder: Path) -> None:
    job = objects(values_of("everything"), folder)["CronJob safety-probe"]["spec"]
    template = job["jobTemplate"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["args"] == ["--deadline", "90s"]
    assert job["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 90
    assert environment(template)["VIGIL_PROMETHEUS"] == "http://prometheus.monitoring:9090"
    probe = main.get_command(click.Context(main), "probe")
    assert probe is not None
    parsed = probe.make_context("probe", [*container["args"]])
    assert (parsed.params["deadline"], parsed.params["every"]) == ("90s", None)
