import contextlib

import pytest

from tidegate.control.document import read
from tidegate.control.problems import ConfigError, Problems


def told(text: str) -> list[str]:
    problems = Problems("f.yaml")
    with contextlib.suppress(ConfigError):
        read(text, problems)
    return [f"{problem.line}: {problem.where}: {problem.message}" for problem in problems.errors]


def test_values_keep_their_lines() -> None:
    problems = Problems("f")
    assert read("a:\n  - 1\n  - {b: x}\nc: true\n", problems) == {"a": [1, {"b": "x"}], "c": True}
    assert problems.lines == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("c",): 4}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("no: 1", {"no": 1}),
        ("1: x", {"1": "x"}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: ~", {"a": None}),
        ("a: 1.5", {"a": 1.5}),
        ("a: '5'", {"a": "5"}),
        ("x: &x {p: 1, q: 2}\ny: {<<: *x, q: 3}", {"x": {"p": 1, "q": 2}, "y": {"p": 1, "q": 3}}),
        ("x: &x [1]\ny: *x", {"x": [1], "y": [1]}),
    ],
)
def test_what_yaml_means_here(text: str, value: object) -> None:
    assert read(text, Problems("f")) == value
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "3: a: `a` stands twice, first in line 1"),
        ("a: {b: 1,\n b: 2}", "2: a.b: `b` stands twice, first in line 1"),
        ("a: [1\nb: 2", "2: : this is not YAML"),
        ("a:\n\t- x", "2: : this is not YAML: found character that cannot start any token (indent with spaces, not with tabs)"),
        ("a: &a [*a]", "1: a[0]: an alias that contains itself"),
        ("a: !!python/object:os.system x", "1: a: the YAML tag `tag:yaml.org,2002:python/object:os.system` is not understood"),
        ("a: !mine x", "the YAML tag `!mine`"),
        ("? [a]\n: 1", "1: : a name must be plain text"),
        ("a: 1\n--- \nb: 1", "this is not YAML"),
        ("a: \x00", "this is not YAML"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    found = told(text)
    assert len(found) == 1
    assert words in found[0]


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 100000 values" in told("\n".join(lines))[0]
