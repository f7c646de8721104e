"""What the records of a batch hold, all in one buffer: no object is made for a record that nobody looks at alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from monitor.scan.plan import Ints, Octets
from monitor.scan.tokens import PADDING

_PADDING = bytes(PADDING)


@dataclass(frozen=True, slots=True, eq=False)
class Values(Sequence[bytes | None]):
    """Record values, as the sequence of bytes that they are."""

    text: Octets
    """Behind each value stands a zero byte, and behind everything PADDING more of them."""
    begins: Ints
    """Where each value begins in `text`, shape (records,); below 0 for none, a tombstone."""
    ends: Ints
    """Where it ends."""

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> "Values":
        """The same values in one buffer."""
        if isinstance(values, cls):
            return values
        texts = [value or b"" for value in values]
        text = np.frombuffer(b"\0".join([*texts, _PADDING]), dtype=np.uint8)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        ends = np.cumsum(lengths + 1) - 1
        missing = np.fromiter((value is None for value in values), np.bool_, len(texts))
        return cls(text, np.where(missing, -1, ends - lengths), np.where(missing, -1, ends))

    def __len__(self) -> int:
        return len(self.begins)

    def __iter__(self) -> Iterator[bytes | None]:
        begin = max(int(self.begins.min(initial=len(self.text))), 0)
        text = self.text[begin : int(self.ends.max(initial=begin))].tobytes()
        for start, end in zip((self.begins - begin).tolist(), (self.ends - begin).tolist(), strict=True):
            yield None if end < 0 else text[start:end]

    def cut(self, positions: Sequence[int]) -> list[bytes | None]:
        """The values at these positions: cheaper than one by one."""
        text = self.text.data
        spans = zip(self.begins[positions].tolist(), self.ends[positions].tolist(), strict=True)
        return [None if begin < 0 else text[begin:end].tobytes() for begin, end in spans]

    @overload
    def __getitem__(self, at: int) -> bytes | None: ...
    @overload
    def __getitem__(self, at: slice) -> "Values": ...
    def __getitem__(self, at: int | slice) -> "bytes | Values | None":
        if isinstance(at, slice):
            return Values(self.text, self.begins[at], self.ends[at])
        begin = int(self.begins[at])
        return None if begin < 0 else self.text[begin : self.ends[at]].tobytes()
