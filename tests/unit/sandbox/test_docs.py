"""docs/sandbox.md describes every field of a script, every mode and every model, and nothing else."""

import re
from pathlib import Path

from tidegate.sandbox.answer import MODELS
from tidegate.sandbox.script import CUTS, QUIRKS, Script

PAGE = (Path(__file__).parents[3] / "docs/sandbox.md").read_text()


def first_cells(section: str) -> set[str]:
    """The names in the first column of the tables under a heading."""
    text = PAGE.partition(f"\n{section}\n")[2]
    text = re.split(r"\n#{2,3} ", text)[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_field_of_a_script_is_described() -> None:
    described = set[str]().union(*(first_cells(section) for section in ("### The answer", "### Time", "### Failure", "### Usage")))
    assert set(Script.__struct_fields__) - described == set()
    assert described - set(Script.__struct_fields__) == CUTS | QUIRKS | {"500", "429"}


def test_every_model_is_described() -> None:
    assert first_cells("## Models") == set(MODELS)
