import pytest

from tidegate.policy.near import ask, did_you_mean, near

NAMES = ["claude-sonnet-4-5", "claude-opus-4-1", "gpt-4o", "gpt-4o-mini", "openai/gpt-4o", "smart"]


@pytest.mark.parametrize(
    ("wrong", "first"),
    [
        ("claude-sonet-4-5", "claude-sonnet-4-5"),
        ("gpt4o", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("smrt", "smart"),
        ("claude-sonnet-4.5", "claude-sonnet-4-5"),
    ],
)
def test_the_nearest_name_comes_first(wrong: str, first: str) -> None:
    assert near(wrong, NAMES)[0] == first


@pytest.mark.parametrize("wrong", ["", "zzzz", "?"])
def test_nothing_near_is_nothing(wrong: str) -> None:
    assert near(wrong, NAMES) == []


def test_the_answer_does_not_depend_on_the_order() -> None:
    assert near("gpt-4", NAMES) == near("gpt-4", reversed(NAMES))
    assert near("gpt-4o", NAMES, limit=1) == ["gpt-4o"]


def test_the_question() -> None:
    assert ask([]) == ""
    assert ask(["a"]) == " Did you mean `a`?"
    assert ask(["a", "b", "c"]) == " Did you mean `a`, `b` or `c`?"
    assert did_you_mean("smrt", NAMES) == " Did you mean `smart`?"
