"""The policy's file of a running worker: read at the start, and again whenever its content has changed."""

import logging
from pathlib import Path

from monitor.clock import Clock
from monitor.errors import UserError
from monitor.metrics import Metrics
from monitor.policy import Policy, whole_policy
from monitor.terms import Terms, terms_of

log = logging.getLogger("vigil.policy")


class PolicyFile:
    """Where a policy stands. `terms` are those of the newest good one that was there; `named` the features that the
    first one names.

    Contents are compared, not the times of files: a ConfigMap's mount swaps a symbolic link.
    """

    def __init__(self, path: Path, metrics: Metrics, clock: Clock) -> None:
        """Read it. Raises UserError, by line, when nothing can be scored by it."""
        self._path = path
        self._metrics = metrics
        self._clock = clock
        self._seen = _content(path)
        policy, self.terms = _read(self._seen, path)
        self.named = tuple(policy.features)
        self._took()

    def look(self) -> None:
        """Take what stands there now. A bad policy is refused, and one line of the log says why. Blocking."""
        content = _content(self._path)
        if content == self._seen:
            return
        self._seen = content
        try:
            self.terms = terms_in(content, self._path)
        except UserError as error:
            self._metrics.policy_reloaded.set(0)
            log.error("still scoring by policy %s: %s", self.terms.policy, error)  # noqa: TRY400  # one line
            return
        self._took()

    def _took(self) -> None:
        self._metrics.policy_reloaded.set(1)
        self._metrics.policy_reloaded_at.set(self._clock().timestamp())
        log.info("read policy %s", self.terms.policy)


def terms_at(path: Path) -> Terms:
    """What the policy of a file says to a scorer. Raises UserError. Blocking."""
    return terms_in(_content(path), path)


def terms_in(content: bytes | None, path: Path) -> Terms:
    """The same of what was read at a path, None where nothing could be. Raises UserError that names every mistake."""
    return _read(content, path)[1]


def _read(content: bytes | None, path: Path) -> tuple[Policy, Terms]:
    try:
        policy = _policy_in(content, path)
        return policy, terms_of(policy)
    except UserError as error:
        raise UserError(f"VIGIL_POLICY: {error}") from error


def _policy_in(content: bytes | None, path: Path) -> Policy:
    try:
        text = (content or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"the policy {path} is not UTF-8") from error
    if content is None:
        raise UserError(f"cannot read the policy {path}; is the path right?")
    return whole_policy(text, path.name)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
