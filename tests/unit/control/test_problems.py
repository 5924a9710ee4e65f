import pytest

from tidegate.control.problems import ConfigError, Path, Problem, Problems, shown


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("routes", "smart", "targets", 0), "routes.smart.targets[0]"),
        (("routes", "team/*"), 'routes["team/*"]'),
        (("keys", 1), "keys[1]"),
    ],
)
def test_paths_read_well(path: Path, text: str) -> None:
    assert shown(path) == text


def test_a_problem_stands_in_the_line_of_the_nearest_known_path() -> None:
    problems = Problems("f.yaml", {("a",): 3, ("a", "b"): 4})
    problems.error(("a", "b", "c"), "one")
    problems.error(("z",), "two")
    problems.error(("a",), "three")
    problems.error(("a",), "three")
    problems.warn((), "careful")
    with pytest.raises(ConfigError) as caught:
        problems.check()
    assert [str(problem) for problem in caught.value.problems] == ["f.yaml: z: two", "f.yaml:3: a: three", "f.yaml:4: a.b.c: one"]
    assert str(caught.value).count("\n") == 2
    assert problems.warnings == [Problem("f.yaml", 0, "", "careful")]
    assert str(problems.warnings[0]) == "f.yaml: careful"


def test_no_errors_pass() -> None:
    problems = Problems("f")
    problems.warn(("a",), "x")
    problems.check()
