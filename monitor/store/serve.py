"""An embedded store for several workers: `python -m monitor.store.serve PATH PORT TOKEN_FILE`.

chDB opens a directory in one process only. This process is that one; workers reach it as they would
reach a ClickHouse server, with VIGIL_STORE=http://default@127.0.0.1:PORT and the writer's token in
the file that VIGIL_STORE_PASSWORD_FILE names. For one machine: it listens on loopback only.
"""

import asyncio
import signal
from pathlib import Path

import click

from monitor.errors import UserError
from monitor.store.endpoint import Hold
from monitor.store.front import StoreFront, Tokens

_PATIENCE = 20.0
"""Seconds to wait for a predecessor to let go of the store."""


def read_tokens(path: Path) -> Tokens:
    """The tokens of a file: the reader's on the first line, the writer's on the second. Raises UserError."""
    try:
        words = path.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read {path}; write the reader's and the writer's token into it, a line each"
        ) from error
    if len(words) != 2:
        raise UserError(f"{path} must hold two lines: the reader's token, then the writer's")
    return Tokens(*words)


async def serve(path: Path, port: int, tokens: Tokens) -> None:
    """Serve the store at `path` until SIGTERM or SIGINT; queries that run are finished. Port 0 takes a free one.

    Raises UserError when the tokens are too short, the port is taken or the store is held by another process.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    front = StoreFront(path, tokens)
    with Hold(path, _PATIENCE) as hold:
        bound = await front.start("127.0.0.1", port)
        try:
            hold.publish(f"http://127.0.0.1:{bound}", tokens.reader)
            click.echo(f"the store {path} answers at http://127.0.0.1:{bound}")
            await stopped.wait()
        finally:
            await front.stop()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("path", type=click.Path(file_okay=False, path_type=Path))
@click.argument("port", type=click.IntRange(0, 65_535))
@click.argument("token_file", type=click.Path(dir_okay=False, path_type=Path))
def main(path: Path, port: int, token_file: Path) -> None:
    """Serve the embedded store at PATH over HTTP on 127.0.0.1:PORT until SIGTERM.

    TOKEN_FILE holds the reader's token on its first line and the writer's on its second.

    Example: python -m monitor.store.serve ./store 8123 ./tokens
    """
    try:
        asyncio.run(serve(path, port, read_tokens(token_file)))
    except UserError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
