"""Incidents in the history that is learned from: which windows not to learn, and when to learn them all the same."""

import numpy as np

from detectors.base import Bools, Floats

_BLOCK = 1800
_FAR = 5.0
_MAX_SHARE, _MAX_SPANS = 0.1, 3
_LOW, _MARGIN = 3.0, 600


def blocks_mask(evaluated: Floats, bad: Floats, rates: Floats, seconds: int) -> Bools:
    """False in half-hours, and in those beside them, that are far from the season on the history's own scale.

    Columns of shape (windows,) in and out.
    """
    windows = max(_BLOCK // seconds, 1)
    mask = np.ones(len(bad), dtype=np.bool_)
    count = len(bad) // windows
    if count == 0:
        return mask
    size = count * windows
    seen = bad[:size].reshape(count, windows).sum(axis=1)
    expected = (evaluated * rates)[:size].reshape(count, windows).sum(axis=1)
    # The square root makes the variance of a count about the same wherever its mean is.
    far = 2.0 * (np.sqrt(seen + 0.375) - np.sqrt(expected + 0.375))
    far -= np.median(far)
    scale = max(1.0, 1.4826 * float(np.median(np.abs(far))))
    for block in np.flatnonzero(np.abs(far) > _FAR * scale):
        mask[max(0, (block - 1) * windows) : (block + 2) * windows] = False
    return believable(mask)


def path_mask(mask: Bools, path: Floats, high: float, seconds: int) -> Bools:
    """The mask less the spans in which the statistic, shape (windows,), was up and reached `high`."""
    margin = _MARGIN // seconds
    found = mask.copy()
    for first, end in spans(path > _LOW):
        if (path[first:end] > high).any():
            found[max(0, first - margin) : end + margin] = False
    return believable(found)


def believable(mask: Bools) -> Bools:
    """Incidents are rare. More than three spans, or a tenth of the history, is noise: then nothing is left out."""
    if len(spans(~mask)) <= _MAX_SPANS and float((~mask).mean()) <= _MAX_SHARE:
        return mask
    return np.ones(len(mask), dtype=np.bool_)


def spans(flags: Bools) -> list[tuple[int, int]]:
    """First index and end of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
