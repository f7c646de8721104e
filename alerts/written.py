"""Texts and numbers as a policy may have them."""

from typing import Annotated

from pydantic import Field, StringConstraints

Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Folder = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(?:/[A-Za-z0-9._~/-]*)?/$")]
Address = Annotated[
    str,
    StringConstraints(
        pattern=r"^https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~%/-]*)?$"
    ),
]
"""Without a user, a password, or anything after a question mark."""
_NUMBER = r"(?:0*[1-9][0-9_]*(?:\.[0-9]+)?|0*\.0*[1-9][0-9]*|0+\.[0-9]*[1-9][0-9]*)"
_UNIT = r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)"
Budget = Annotated[str, StringConstraints(pattern=rf"^{_NUMBER}\s*/\s*(?:{_NUMBER})?\s*{_UNIT}$")]
"""Pages per time: 1/week, 2/day, 1/1000 weeks."""
Span = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}[smh]$")]
"""A length of time: 30s, 3m, 1h."""
Target = Annotated[float, Field(gt=0.0, lt=0.5)]
"""The share of bad events that is allowed for good."""
