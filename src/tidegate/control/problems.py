"""What is wrong with a configuration: every finding with its file, its line and the fix, collected so that one run shows all of them."""

from collections.abc import Mapping

import msgspec

Path = tuple[str | int, ...]
"""Where a value stands: `("routes", "smart", "targets", 0)`."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One finding. `line` counts from 1; 0 = of no line. `where` is the path as it is shown."""

    file: str
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used. `problems` is never empty."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Problems:
    """Collects errors and warnings about one file, whose lines are known by path. `elsewhere` says of some paths where else they stand."""

    def __init__(self, file: str, lines: Mapping[Path, int] | None = None) -> None:
        self.file = file
        self.lines: Mapping[Path, int] = lines if lines is not None else {}
        self.elsewhere: dict[Path, str] = {}
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def copy(self) -> "Problems":
        """Others of the same file that begin with what was found so far."""
        made = Problems(self.file, self.lines)
        made.errors, made.warnings = list(self.errors), list(self.warnings)
        return made

    def error(self, path: Path, message: str) -> None:
        _add(self.errors, self._problem(path, message))

    def warn(self, path: Path, message: str) -> None:
        _add(self.warnings, self._problem(path, message))

    def check(self) -> None:
        """Raises `ConfigError` if there are errors, in the order of the file."""
        if self.errors:
            raise ConfigError(tuple(sorted(self.errors, key=lambda problem: problem.line)))

    def _problem(self, path: Path, message: str) -> Problem:
        known = path
        while known and known not in self.lines and known not in self.elsewhere:
            known = known[:-1]
        if known in self.elsewhere:
            return Problem(self.elsewhere[known], 0, shown(path), message)
        return Problem(self.file, self.lines.get(known, 0), shown(path), message)


def _add(problems: list[Problem], problem: Problem) -> None:
    if problem not in problems:
        problems.append(problem)


def shown(path: Path) -> str:
    """`routes.smart.targets[0]`; names with other characters stand in brackets and quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text
