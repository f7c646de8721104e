"""The memory of a process that runs for months: what the C library keeps, and when Python looks for cycles."""

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""glibc's names for what mallopt sets, from malloc.h."""
_KEPT = 256 * 2**20
_LARGE = 32 * 2**20
"""Bytes; glibc takes no more."""


def keep_freed_memory() -> bool:
    """Give back to the system only what is free beyond 256 MiB; false where there is no glibc.

    Every flush needs as much memory again as the last one; without this a busy worker spends a tenth of its time in
    the kernel, getting pages that it has just given back. And all threads share one heap: what one thread fetches
    another frees, and heaps of their own only filled with holes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all([mallopt(_TRIM_THRESHOLD, _KEPT), mallopt(_MMAP_THRESHOLD, _LARGE), mallopt(_ARENA_MAX, 1)])


def give_back() -> None:
    """Give the system the pages of all that is free; nothing where there is no glibc. Takes some milliseconds.

    What keep_freed_memory keeps for the next flush stays below something that lives, and so for ever: a minute in
    which the store was slow would make a worker larger until its end.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def look_for_cycles() -> None:
    """Python's collector looks, from now on, at what the process makes later, every 10,000 objects.

    Events make no cycles, but each connection to `/metrics` leaves one with its buffers, some 14 kB. At 100,000
    objects a worker that was asked three times a second grew by 50 kB a second for more than half an hour.
    """
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked at again
    gc.set_threshold(10_000, 10, 10)
