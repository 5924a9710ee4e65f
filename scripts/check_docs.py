"""Checks the Markdown pages: links and anchors lead somewhere, named files and make targets exist, examples parse, no page is an orphan.

Run by `make check`. Prints one line for each problem and fails if there is one.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)
NAMED_FILE = re.compile(r"`((?:src|tests|docs|scripts|bench|requirements|recordings)/[\w./-]+)`")
MAKE = re.compile(r"`make ([a-z]+)|^make ([a-z]+)", re.M)
DECISION_PARTS = ("## Context", "## Decision", "## Consequences")


def pages() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked(page: Path, text: str) -> Iterator[tuple[str, Path, str]]:
    """(link as written, file it means, anchor) for every link that stays inside the repository."""
    for link in LINK.findall(FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


def link_problems(page: Path, text: str) -> Iterator[str]:
    for link, target, anchor in linked(page, text):
        if not target.exists():
            yield f"the link {link} leads nowhere"
        elif anchor and anchor not in anchors(target.read_text()):
            yield f"the link {link} names a heading that is not there"


def name_problems(text: str, targets: set[str]) -> Iterator[str]:
    for name in NAMED_FILE.findall(text):
        if not (ROOT / name).exists():
            yield f"`{name}` is named, and there is no such file"
    for first, second in MAKE.findall(text):
        if (first or second) not in targets:
            yield f"`make {first or second}` is named, and the Makefile has no such target"


def example_problems(text: str) -> Iterator[str]:
    readers = {"python": ast.parse, "json": json.loads, "yaml": yaml.safe_load}
    for language, example in FENCE.findall(text):
        try:
            readers.get(language, str)(example)
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            yield f"a {language} example does not parse: {error}"


def decision_problems(page: Path, text: str) -> Iterator[str]:
    if page.parent == ROOT / "docs/decisions":
        yield from (f"a decision lacks its part `{part}`" for part in DECISION_PARTS if f"{part}\n" not in text)


def orphans(texts: dict[Path, str]) -> Iterator[str]:
    reached = {target for page, text in texts.items() for _, target, _ in linked(page, text)}
    for page in texts:
        if page.is_relative_to(ROOT / "docs") and not reached & {page, page.parent}:
            yield f"{page.relative_to(ROOT)}: no page links to it"


def main() -> int:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    texts = {page: page.read_text() for page in pages()}
    problems = list(orphans(texts))
    for page, text in texts.items():
        found = [*link_problems(page, text), *name_problems(text, targets), *example_problems(text), *decision_problems(page, text)]
        problems += [f"{page.relative_to(ROOT)}: {problem}" for problem in found]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
