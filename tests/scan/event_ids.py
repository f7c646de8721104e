"""What the scanner says the event ids are."""

from ctypes import string_at

from monitor.scan.scanner import Scanned


def event_ids(scanned: Scanned) -> list[str]:
    """The texts at the addresses that it gives."""
    begins, ends, _ = scanned.ids
    return [string_at(begin, end - begin).decode() for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
