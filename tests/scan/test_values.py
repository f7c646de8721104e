from hypothesis import given
from hypothesis import strategies as st

from monitor.scan.tokens import PADDING
from monitor.scan.values import Values


@given(values=st.lists(st.none() | st.binary(max_size=12), max_size=8), data=st.data())
def test_one_buffer_holds_the_same_values_whole_sliced_and_cut(values: list[bytes | None], data: st.DataObject) -> None:
    held = Values.of(values)
    assert len(held) == len(values)
    assert list(held) == values == [held[at] for at in range(len(values))]
    begin, end = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 8))
    assert list(held[begin:end]) == values[begin:end]
    chosen = data.draw(st.lists(st.sampled_from(range(len(values))), unique=True)) if values else []
    assert held.cut(chosen) == [values[at] for at in chosen]


@given(values=st.lists(st.none() | st.binary(max_size=12), max_size=8))
def test_behind_each_value_and_behind_all_of_them_stand_zero_bytes(values: list[bytes | None]) -> None:
    held = Values.of(values)
    assert all(held.text[end] == 0 for end in held.ends if end >= 0)
    assert not held.text[-PADDING:].any()
    assert Values.of(held) is held
