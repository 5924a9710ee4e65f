import threading

import pytest

from tidegate.adapters.tokens_splintr import SplintrCounter


@pytest.fixture(scope="module")
def counter() -> SplintrCounter:
    return SplintrCounter()


@pytest.mark.parametrize(
    ("model", "text", "tokens"),
    [
        ("gpt-4o", "hello world", 2),
        ("gpt-4-turbo", "hello world", 2),
        ("claude-sonnet-4-5", "hello world", 2),
        ("anything", "", 0),
    ],
)
def test_counts(counter: SplintrCounter, model: str, text: str, tokens: int) -> None:
    assert counter.count(text, model) == tokens


def test_half_a_surrogate_pair_is_counted(counter: SplintrCounter) -> None:
    assert counter.count("a\ud800b", "gpt-4o") >= 2


def test_several_threads_share_one_vocabulary() -> None:
    counter = SplintrCounter()
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(counter.count("one two three", "gpt-4o"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [3] * 4
