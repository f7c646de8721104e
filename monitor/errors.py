"""Errors by what the caller must do. Anything that is none of these ends the process."""


class UserError(Exception):
    """Somebody must change an input or a setting. One sentence that says what to do; never a traceback."""


class StoreUnavailableError(Exception):
    """The store did not take it, and may later: keep it, wait, try again."""


class FencedError(Exception):
    """Somebody else has counted what this process holds: stop at once, and let the store say where to go on."""


class StandstillError(Exception):
    """The stream does not go on after a rebalance; a new process would."""


class TopicShrankError(UserError):
    """The topic ends before an offset that was already counted: it was deleted, or the broker lost it."""
