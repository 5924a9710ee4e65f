"""The text of tidegate.yaml into plain values that remember their lines. What the values mean is for `shape` and `compile`.

YAML 1.1 as PyYAML reads it, made safer: a name that stands twice is an error, names are always text (`no: …` is the name `no`), and
dates stay text (model names look like dates).
"""

import re

import yaml

from tidegate.control.problems import Path, Problems
from tidegate.ir.json import Json

_MOST_VALUES = 100_000
_DATE = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}


def read(text: str, problems: Problems) -> Json:
    """The values; `problems` learns the line of each path, and mistakes that leave the rest readable. Raises `ConfigError` where nothing
    can be read."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.lines = {(): mark.line + 1 if mark is not None else 0}
        problems.error((), f"this is not YAML: {_words(error, text)}")
    except yaml.YAMLError as error:
        problems.error((), f"this is not YAML: {error}")
    else:
        return _Reader(problems).value(root, ()) if root is not None else None
    problems.check()
    raise AssertionError


def _words(error: yaml.MarkedYAMLError, text: str) -> str:
    words = error.problem or error.context or "it cannot be parsed"
    mark = error.problem_mark
    line = text.splitlines()[mark.line : mark.line + 1] if mark is not None else []
    if line and re.match(r"\s*\t", line[0]):
        return f"{words} (indent with spaces, not with tabs)"
    return words


class _Reader:
    def __init__(self, problems: Problems) -> None:
        self.lines: dict[Path, int] = {}
        self._problems = problems
        problems.lines = self.lines
        self._scalars = yaml.SafeLoader("")
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, path: Path) -> Json:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._count += 1
        if id(node) in self._open or self._count > _MOST_VALUES:
            self._problems.error(path, "an alias that contains itself" if id(node) in self._open else f"more than {_MOST_VALUES} values")
            self._problems.check()
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> Json:
        values: dict[str, Json] = {}
        merged: dict[str, Json] = {}
        for name_node, value_node in node.value:
            if name_node.tag == _MERGE:
                for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    inner = self.value(source, path)
                    merged = {**(inner if isinstance(inner, dict) else {}), **merged}
                continue
            if not isinstance(name_node, yaml.ScalarNode):
                self._problems.error(path, "a name must be plain text")
                continue
            name = str(name_node.value)
            here = (*path, name)
            line = name_node.start_mark.line + 1
            if name in values:
                self._problems.lines = {**self.lines, here: line}
                self._problems.error(here, f"`{name}` stands twice, first in line {self.lines[here]}: remove one of them")
                self._problems.lines = self.lines
                continue
            self.lines[here] = line
            values[name] = self.value(value_node, here)
        return {**merged, **values}

    def _scalar(self, node: yaml.Node, path: Path) -> Json:
        if node.tag == _DATE:
            return str(node.value)
        if node.tag not in _SCALARS:
            self._problems.error(path, f"the YAML tag `{node.tag}` is not understood: write plain text, a number, true or false")
            return None
        made: Json = self._scalars.construct_object(node)  # pyright: ignore[reportUnknownMemberType]  the stubs leave its argument untyped
        return made
