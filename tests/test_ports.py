"""A port is given to one only, and a wait for it ends with the program that should answer."""

import sys
from pathlib import Path

import pytest

from monitor.errors import UserError
from monitor.leash import start
from monitor.ports import free_port, wait_for_port


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    offered = iter([first, first, first + 1])

    class Taken:
        def __enter__(self) -> "Taken":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", next(offered)

    monkeypatch.setattr("monitor.ports.socket.create_server", lambda _: Taken())
    assert free_port() == first + 1


def test_a_program_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start("greeter", [sys.executable, "-c", "print('not today')"], log)
    with pytest.raises(UserError, match=r"the greeter did not start on port .*; its last words: not today"):
        wait_for_port(child, free_port(), log)
