from typing import Any

import pytest

from tidegate.ir.target import Capabilities
from tidegate.policy.bounds import Hours
from tidegate.policy.when import ALWAYS, ASKS, Ask, Facts, When, lacks, too_long, unable, unmet

NIGHT = Hours(from_="22:00", to="06:00")
AT_NOON = 1_700_000_000.0 - 1_700_000_000.0 % 86_400 + 43_200
FACTS = Facts(
    org="acme", team="web", user="ann", key="ci", tags=("beta", "eu"), asks=frozenset({"vision"}), tokens=100, stream=True, at=AT_NOON
)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (ALWAYS, None),
        (When(orgs=("acme", "other")), None),
        (When(orgs=("other",)), "is for other organisations"),
        (When(teams=("ops",)), "is for other teams"),
        (When(users=("bob",)), "is for other users"),
        (When(keys=("ci",)), None),
        (When(keys=("cd",)), "is for other keys"),
        (When(tags=("eu", "us")), None),
        (When(tags=("us",)), "is for other tags"),
        (When(asks=("vision", "audio")), None),
        (When(asks=("tools", "audio")), "is for calls with tools or audio"),
        (When(not_asks=("vision",)), "is for calls without vision"),
        (When(not_asks=("tools",)), None),
        (When(input_over=99), None),
        (When(input_over=100), "is for prompts of more than 100 tokens"),
        (When(input_under=101), None),
        (When(input_under=100), "is for prompts of less than 100 tokens"),
        (When(stream=True), None),
        (When(stream=False), "is for whole answers"),
        (When(hours=(NIGHT,)), "is for other hours"),
        (When(hours=(NIGHT, Hours(from_="11:00", to="13:00"))), None),
        (When(orgs=("acme",), tags=("us",)), "is for other tags"),
    ],
)
def test_conditions(when: When, reason: str | None) -> None:
    assert unmet(when, FACTS) == reason


@pytest.mark.parametrize(
    ("able", "asks"),
    [
        ({"tools": False}, "tools"),
        ({"structured": "none"}, "structured"),
        ({"vision": False}, "vision"),
        ({"documents": False}, "documents"),
        ({}, "audio"),
    ],
)
def test_abilities(able: dict[str, Any], asks: Ask) -> None:
    capabilities = Capabilities(**able)
    assert asks in lacks(capabilities)
    assert unable(capabilities, frozenset({asks})) is not None
    assert unable(capabilities, frozenset()) is None
    assert unable(Capabilities(audio=True), frozenset(ASKS)) is None


def test_several_reasons_stand_together() -> None:
    assert unable(Capabilities(vision=False), frozenset({"audio", "vision"})) == "takes no images, takes no audio"


def test_context() -> None:
    assert too_long(Capabilities(context=100), 101) == "takes 100 tokens, and the prompt has about 101"
    assert too_long(Capabilities(context=100), 100) is None
    assert too_long(Capabilities(), 10**9) is None
