"""What a policy says of pools. No I/O."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.finding import IncidentSeverity
from schemas.pools import PoolDimension


class PoolPolicy(BaseModel):
    """Features scored together: a change too small in each of them, and common to all, is found in their sum."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    dimensions: Annotated[list[PoolDimension], Field(max_length=4)] = []
    """A pool for each value of these, `[model]` for one. None, unless this says so."""
    pages: bool = False
    """False: what is found in a pool is a ticket. True: it is as severe as in a feature."""

    @field_validator("dimensions")
    @classmethod
    def _are_told_once(cls, value: list[PoolDimension]) -> list[PoolDimension]:
        if len(set(value)) < len(value):
            raise ValueError("a dimension stands here twice; keep one")
        return value

    def severity(self, of_feature: IncidentSeverity) -> IncidentSeverity:
        """How bad an incident of a pool is, where it would be so bad in a feature."""
        return "warning" if of_feature == "critical" and not self.pages else of_feature
