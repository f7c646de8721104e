"""Slices are told apart by every word of every dimension, and forgotten all at once where there are too many."""

import json
from typing import Any

import pytest

from monitor.scan import slices
from monitor.scan.scanner import Scanner
from monitor.windows import DIMENSIONS, Said
from tests.scan.event_ids import event_ids

BASE = {"kind": "interaction", "event_id": "event-01", "ts": "2026-11-20T00:00:00Z", "emitter": "a", "feature": "chat"}


def said(**words: str) -> Said:
    return tuple((BASE | words).get(name) for name in DIMENSIONS)


def found(scanner: Scanner, **words: Any) -> list[str]:
    return event_ids(scanner.scan([json.dumps(BASE | words).encode()]))


def test_a_word_in_another_dimension_is_another_slice() -> None:
    scanner = Scanner()
    scanner.learn([said(model="v1")] * 2)
    assert found(scanner, model="v1")
    assert not found(scanner, release="v1")
    assert not found(scanner)
    assert not found(scanner, model="v")
    assert not found(scanner, model="v12")


def test_words_that_together_read_the_same_are_different_slices() -> None:
    scanner = Scanner()
    scanner.learn([said(model="ab", prompt_version="c")] * 2)
    assert found(scanner, model="ab", prompt_version="c")
    assert not found(scanner, model="a", prompt_version="bc")


def test_a_thousand_slices_are_found_again_each_by_its_own_number() -> None:
    scanner = Scanner()
    scanner.learn([said(feature=f"f{number}") for number in range(1000)] * 2)
    values = [json.dumps(BASE | {"feature": f"f{number}"}).encode() for number in range(1000)]
    scanned = scanner.scan(values)
    assert [scanned.feature(at) for at in range(1000)] == [f"f{number}" for number in range(1000)]


def test_beyond_the_limit_all_are_forgotten_and_learnt_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICES", 10)
    scanner = Scanner()
    for number in range(35):
        scanner.learn([said(feature=f"f{number}")] * 2)
        scanned = scanner.scan([json.dumps(BASE | {"feature": f"f{number}"}).encode()])
        assert scanned.feature(0) == f"f{number}"
        assert len(scanned.slices.said) <= 10
    assert not found(scanner, feature="f0")
