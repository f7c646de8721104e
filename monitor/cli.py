"""The commands, and nothing else: what each does is in the module it names."""

import logging
import sys

import click

from monitor import settings as settings_module
from monitor.errors import UserError


class _Commands(click.Group):
    """A group that imports a command when it is asked for, and turns user errors into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LAZY])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _LAZY:
            return super().get_command(ctx, name)
        module, attribute = _LAZY[name].split(":")
        command = getattr(__import__(module, fromlist=[attribute]), attribute)
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise click.ClickException(str(error)) from error


_LAZY = {
    "backtest": "monitor.backtest.command:backtest_command",
    "demo": "monitor.demo.command:demo_command",
    "explain": "monitor.backtest.explain_command:explain_command",
    "incidents": "monitor.oncall.command:incidents_group",
    "normal": "monitor.normal:normal_command",
    "pagerduty-receiver": "monitor.pagerduty:receiver_command",
    "policy": "monitor.backtest.policy_command:policy_group",
    "probe": "monitor.probe:probe_command",
    "replay": "monitor.replay.run:replay_command",
    "simulate": "monitor.simulator.run:simulate_command",
    "sql": "monitor.sql:sql_command",
}
"""Command to module and attribute; importing all of them takes a second nobody wants to wait for --help."""


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigil")
def main() -> None:
    """Vigil watches AI features in production: exact KPIs, honest pages, no content.

    Start with `vigil demo`. Settings come from VIGIL_* variables; `vigil settings` lists them.
    """


@main.command()
def worker() -> None:
    """Consume telemetry, store exact windows, score them, serve metrics.

    Example: VIGIL_BROKER=kafka:9092 VIGIL_STORE=https://vigil@clickhouse:8443/vigil vigil worker
    """
    from monitor.worker import run  # noqa: PLC0415  # faust takes half a second to import

    chosen = settings_module.load()
    logging.getLogger("kafka").setLevel(logging.WARNING)  # kafka-python tells every connection
    logging.getLogger("aiokafka").setLevel(logging.INFO)  # at debug it logs the beginning of what it fetched
    logging.basicConfig(level=chosen.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(chosen)


@main.command()
def migrate() -> None:
    """Bring the store's tables and views to this version. Safe to repeat.

    Example: VIGIL_STORE=chdb:///var/lib/vigil vigil migrate
    """
    from monitor.store.endpoint import open_writer  # noqa: PLC0415  # the engine takes a second to load
    from monitor.store.migrate import migrate as bring_up  # noqa: PLC0415  # as above

    chosen = settings_module.load()
    applied = bring_up(open_writer(chosen.store, *chosen.store_login()))
    click.echo(f"applied {', '.join(applied)}" if applied else "the tables are up to date")


@main.command(name="settings")
def show_settings() -> None:
    """List every setting: its name, its value now, and what it is for.

    Example: VIGIL_BROKER=kafka:9092 vigil settings
    """
    chosen = settings_module.load()
    for name, field in settings_module.Settings.model_fields.items():
        value = getattr(chosen, name)
        click.echo(f"{settings_module.PREFIX}{name.upper()}={'' if value is None else value}\n    {field.description}")


if __name__ == "__main__":
    sys.exit(main())
