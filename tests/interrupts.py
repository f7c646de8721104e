"""Ctrl-C for programs that tests start: what a script runs in the background is deaf to it, and so are its children."""

import signal


def hear_interrupts() -> None:
    """Run in the child before the program begins."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
