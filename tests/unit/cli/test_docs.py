import re
from pathlib import Path

import msgspec.inspect as mi
import pytest
from scripts.write_cli_docs import PAGE, commands, help_of, page

from tidegate.control.config import Config

CONFIGURATION = Path(__file__).parents[3] / "docs/configuration.md"


def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    assert PAGE.read_text() == page(), "run `python scripts/write_cli_docs.py`"


@pytest.mark.parametrize(
    "command", ["serve", "check", "keys create", "models", "sandbox", "usage", "orgs create", "teams create", "users grant"]
)
def test_help_shows_examples(command: str) -> None:
    assert re.search(rf"Examples\n\s*tidegate {command}", help_of(command))


def test_every_command_stands_on_the_page() -> None:
    found = commands()
    assert len(found) == len(set(found))
    assert {"serve", "check", "keys create", "models", "sandbox", "version", "plan", "apply", "export", "credentials rotate"} <= set(found)


def settings_of(section: str, info: mi.Type) -> list[tuple[str, str]]:
    """(section, name) of every field, through lists, dictionaries and unions."""
    match info:
        case mi.StructType(fields=fields):
            return [pair for field in fields for pair in [(section, field.encode_name), *settings_of(field.encode_name, field.type)]]
        case mi.DictType(value_type=inner) | mi.ListType(item_type=inner):
            return settings_of(section, inner)
        case mi.UnionType(types=types):
            return [pair for inner in types for pair in settings_of(section, inner)]
        case _:
            return []


HEADINGS = {
    "targets": "routes",
    "groups": "routes",
    "hedge": "routes",
    "hours": "when",
    "budgets": "budget",
    "stripe": "billing",
    **dict.fromkeys(("above", "tiers", "batch", "flex", "priority", "scale"), "prices"),
}
SETTINGS = [pair for pair in settings_of("", mi.type_info(Config)) if pair[0]]


def test_the_settings_are_found() -> None:
    assert {("providers", "base_url"), ("routes", "on_loss"), ("targets", "target"), ("keys", "value"), ("server", "cors")} <= set(SETTINGS)


@pytest.mark.parametrize(("section", "name"), SETTINGS)
def test_every_setting_is_documented_in_its_section(section: str, name: str) -> None:
    heading = HEADINGS.get(section, section)
    part = re.search(rf"^## `{heading}`\n(.*?)(?=^## |\Z)", CONFIGURATION.read_text(), re.M | re.S)
    assert part is not None
    assert re.search(rf"^\| `{name}` \|", part.group(1), re.M)


def test_every_documented_setting_exists() -> None:
    known = {name for _, name in SETTINGS}
    text = CONFIGURATION.read_text()
    names = (
        "providers|timeouts|routes|keys|limits|budget|prices|models|catalog|billing|webhooks|retention|egress_allow|server|overload|when"
    )
    sections = re.findall(rf"^## `(?:{names})`\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert len(sections) == 16
    assert {name for part in sections for name in re.findall(r"^\| `(\w+)` \|", part, re.M)} == known
