"""Names of pools: all features that share a value of a dimension, scored together as one series.

A pool is named where a feature is. Its name has a colon, which no feature's has, so nobody can send one.
"""

from typing import Annotated, Literal

from pydantic import Field

PoolDimension = Literal["model", "prompt_version", "policy_version", "region"]
"""What features can be pooled by. Not by tenants: they are people's, and have no place in a label."""
PREFIX = "pool:"
SeriesName = Annotated[
    str,
    Field(
        pattern=r"^(?:[a-z][a-z0-9._-]{0,62}"
        r"|pool:(?:model|prompt_version|policy_version|region)=[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63})$"
    ),
]
"""A feature, or a pool: the alphabets of `schemas.base` between them."""


def pool_name(dimension: str, value: str) -> str:
    """`pool:model=m-2`."""
    return f"{PREFIX}{dimension}={value}"


def is_pool(name: str) -> bool:
    """Whether this is no feature."""
    return name.startswith(PREFIX)


def pool_of(name: str) -> tuple[str, str]:
    """The dimension and the value of a pool's name. Raises ValueError for the name of a feature."""
    dimension, equals, value = name.removeprefix(PREFIX).partition("=")
    if not is_pool(name) or not equals:
        raise ValueError(f"{name} is no pool")
    return dimension, value
