"""A row of a recorded file, whatever the file's format."""

from dataclasses import dataclass

BLOCK = 4096
"""Rows that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a row is not sent: a reason code, and the contract's field at fault when there is one."""

    reason: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.field}" if self.field else self.reason


Row = dict[str, object] | Refused
"""A row by column name, or why it is none."""
