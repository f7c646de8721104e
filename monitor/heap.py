"""Tells the C library to keep what is freed: every flush needs as much memory again as the last one."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""glibc's names for what mallopt sets, from malloc.h."""
_KEPT = 256 * 2**20
_LARGE = 32 * 2**20
"""Bytes; glibc takes no more."""


def keep_freed_memory() -> bool:
    """Give back to the system only what is free beyond 256 MiB; false where there is no glibc.

    Without it a busy worker spends a tenth of its time in the kernel, getting pages that it has just given back. And
    all threads share one heap: what one thread fetches another frees, and heaps of their own only filled with holes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all([mallopt(_TRIM_THRESHOLD, _KEPT), mallopt(_MMAP_THRESHOLD, _LARGE), mallopt(_ARENA_MAX, 1)])
