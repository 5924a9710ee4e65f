"""Every input of the corpora, and a few that are made of them anew each time: T-FZ-1 in every run. `make fuzz` looks further."""

import random
import time

import pytest
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import CORPUS, TARGETS, corpus

MOST_CPU = 1.0
"""Seconds for one input, on a machine that is busy with other tests. What is in the corpora has at most a few KiB."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_before_and_some_of_its_kin(name: str) -> None:
    kept = corpus(name)
    assert kept
    drawn = random.Random(name)
    for data in [*kept, *(mutated(drawn, drawn.choice(kept)) for _ in range(30))]:
        began = time.process_time()
        TARGETS[name](data)
        assert time.process_time() - began < MOST_CPU


def test_no_corpus_is_of_nothing() -> None:
    assert {file.stem for file in CORPUS.iterdir()} == set(TARGETS)
