import re

import pytest
from pydantic import TypeAdapter, ValidationError

from monitor.store.pools import read_pool_counts
from monitor.windows import DIMENSIONS
from schemas.base import Name
from schemas.pools import PoolDimension, SeriesName, is_pool, pool_name, pool_of

NAMED: TypeAdapter[str] = TypeAdapter(SeriesName)


@pytest.mark.parametrize("value", ["m-1", "Meta/Llama-3.1:70b+x", "a" * 64])
def test_a_pool_has_a_name_that_leads_back_to_what_it_pools(value: str) -> None:
    name = pool_name("model", value)
    assert NAMED.validate_python(name) == name
    assert (is_pool(name), pool_of(name)) == (True, ("model", value))


@pytest.mark.parametrize("name", ["pool:model=m-1", "pool:model=", "pool:"])
def test_no_feature_can_have_the_name_of_a_pool(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize("name", ["pool:", "pool:model=", "pool:tenant=x", "pool:model=a b", "pool:model=a@b.c", "A"])
def test_what_is_neither_a_feature_nor_a_pool_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        NAMED.validate_python(name)


def test_a_feature_is_no_pool() -> None:
    assert not is_pool("pool")
    with pytest.raises(ValueError, match="chat is no pool"):
        pool_of("chat")


def test_what_can_be_pooled_by_is_a_dimension_of_windows_and_no_other_word_reaches_a_query() -> None:
    dimensions = set(re.findall(r"'(\w+)'", str(PoolDimension)))
    assert {"model", "region"} <= dimensions <= set(DIMENSIONS) - {"tenant", "feature"}
    with pytest.raises(ValueError, match="no dimension"):
        read_pool_counts(None, ["model) OR (1"], 0, 10)  # type: ignore[arg-type]  # it gets no further
