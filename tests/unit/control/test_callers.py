from pathlib import Path

import pytest
from tests.unit.control.configs import ENVIRON, Place
from tests.unit.policy.values import PEPPER

from tidegate.policy.identify import identify
from tidegate.policy.keys import StoredKey, format_token, token_digest

TOKEN = format_token("live", "4fGh71kLmN0p", "s" * 43)


def stored(**changes: object) -> StoredKey:
    fields: dict[str, object] = {"id": "4fGh71kLmN0p", "name": "made", "env": "live", "digest": token_digest(PEPPER, TOKEN)}
    return StoredKey(**{**fields, **changes})  # pyright: ignore[reportArgumentType]  free fields for tests


def test_keys_of_the_file_and_of_the_store_open(tmp_path: Path) -> None:
    place = Place(tmp_path, stored())
    snapshot = place.load("keys:\n  - {name: ci, value: env:TIDEGATE_CI_KEY, models: [anthropic/*]}\n").snapshot
    ci = identify(snapshot, ENVIRON["TIDEGATE_CI_KEY"])
    assert (ci.id, ci.name, ci.models) == ("config:ci", "ci", ("anthropic/*",))
    assert identify(snapshot, TOKEN).name == "made"


def test_a_key_of_the_file_goes_before_the_same_in_the_store(tmp_path: Path) -> None:
    place = Place(tmp_path, stored())
    snapshot = place.load("keys:\n  - {name: mine, value: env:K, models: [anthropic/x]}\n", {"K": TOKEN}).snapshot
    assert identify(snapshot, TOKEN).name == "mine"
    assert identify(snapshot, TOKEN).id == "4fGh71kLmN0p"


def test_revoked_keys_are_not_there(tmp_path: Path) -> None:
    assert Place(tmp_path, stored(revoked=5)).load("").snapshot.keys_by_id == {}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("- {name: ci, value: env:NOPE}", "2: keys[0].value: the environment variable `NOPE` is not set"),
        ("- {name: ci, value: env:SHORT}", "a key has at least 20 characters, else it can be guessed; `tidegate keys create --name ci`"),
        ("- {name: ci, value: env:CUT}", "this is not a whole gateway key (it has 60 characters"),
        ("- {name: ci, value: env:WRONG}", "its checksum does not fit"),
        ("- {name: ' ', value: env:LONG}", "keys[0].name: a key needs a name"),
        ("- {name: a, value: env:LONG}\n- {name: a, value: env:OTHER}", "3: keys[1].name: `a` is already the name of keys[0]"),
        ("- {name: a, value: env:LONG}\n- {name: b, value: env:LONG}", "3: keys[1].value: this is the same key as `a`"),
        ("- {name: a, value: env:LONG, models: ['*x']}", "keys[0].models[0]: a pattern is"),
        ("- {name: a, value: env:LONG, models: ['']}", "a pattern is"),
    ],
)
def test_mistakes(place: Place, keys: str, words: str) -> None:
    environ = {"SHORT": "1234567890", "CUT": TOKEN[:60], "WRONG": TOKEN.replace("ss", "tt", 1), "LONG": "l" * 20, "OTHER": "o" * 20}
    found = place.mistakes(f"keys:\n{keys}\n", environ)
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("pattern", "warned"),
    [
        ("smart", False),
        ("anthropic/anything", False),
        ("claude-big", False),
        ("gpt-9", False),
        ("*", False),
        ("x*", False),
        ("smrat", True),
    ],
)
def test_a_name_that_means_nothing_is_warned_of(place: Place, pattern: str, warned: bool) -> None:
    text = f"routes:\n  smart: {{targets: [anthropic/x]}}\nkeys:\n  - {{name: a, value: env:TIDEGATE_CI_KEY, models: ['{pattern}']}}\n"
    warnings = place.load(text).warnings
    assert [problem.line for problem in warnings] == ([4] if warned else [])
    if warned:
        assert "Did you mean `smart`?" in warnings[0].message
