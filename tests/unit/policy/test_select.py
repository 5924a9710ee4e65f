"""Strategies as laws over any targets: nothing is lost, nothing is tried twice, shares are as the weights say, and anchors hold."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.values import snapshot, upstream

from tidegate.ir.target import Capabilities
from tidegate.policy.health import Health
from tidegate.policy.models import Models
from tidegate.policy.secret import Secret
from tidegate.policy.select import Choice, Group, select
from tidegate.policy.snapshot import Account, Inner, StickyBy, Target
from tidegate.policy.when import Facts, When
from tidegate.providers.spec import Free, Price

OPENAI = upstream("openai")
MODELS = Models(snapshot(OPENAI))
STRATEGIES: tuple[Inner, ...] = ("in_order", "free_first", "weighted", "least_busy", "lowest_latency", "cheapest", "sticky")


def target(name: str, price: Price | None = None, **able: Any) -> Target:
    found = MODELS.targets(OPENAI, name)[0]
    profile = msgspec.structs.replace(found.profile, capabilities=Capabilities(**{"audio": True, **able}))
    return msgspec.structs.replace(found, profile=profile, price=price, is_guess=False)


def choice(name: str, weight: float = 1.0, canary: float | None = None, when: When | None = None, **more: Any) -> Choice:
    found = Choice(targets=(target(name, **more),), weight=weight, canary=canary)
    return found if when is None else msgspec.structs.replace(found, when=when)


def group(*choices: Choice, strategy: Inner = "weighted", sticky_by: StickyBy = "session", **more: Any) -> Group:
    return Group(choices=choices, strategy=strategy, sticky_by=sticky_by, **more)


def names(*groups: Group, facts: Facts | None = None, health: Health | None = None, salt: str = "call", now: float = 1.0) -> list[str]:
    chosen = select(groups, facts or Facts(), health or Health(), salt=salt, now=now)
    return [target.model for target in chosen.targets]


CHOICES = st.lists(
    st.builds(
        choice,
        st.sampled_from("abcdefgh"),
        st.floats(0.1, 50),
        st.none() | st.floats(0.1, 100),
        vision=st.booleans(),
        context=st.none() | st.integers(1, 200),
    ),
    min_size=1,
    max_size=6,
)


@given(CHOICES, CHOICES, st.sampled_from(STRATEGIES), st.booleans(), st.text(max_size=8))
def test_every_target_is_tried_once_or_left_out_with_a_reason(
    one: list[Choice], two: list[Choice], strategy: Inner, sees: bool, salt: str
) -> None:
    facts = Facts(asks=frozenset({"vision"}) if sees else frozenset(), tokens=100)
    groups = (group(*one, strategy=strategy), group(*two, strategy=strategy))
    chosen = select(groups, facts, Health(), salt=salt, now=1.0)
    tried = [found.name for found in chosen.targets]
    assert len(tried) == len(set(tried))
    assert {*tried, *(skip.name for skip in chosen.skipped)} == {found.name for found in (*one, *two)}
    assert bool(chosen.why) is bool(chosen.targets)
    if sees:
        assert all(found.profile.capabilities.vision for found in chosen.targets)
    assert chosen == select(groups, facts, Health(), salt=salt, now=1.0)


def test_weights_are_shares() -> None:
    made = group(choice("a", 3), choice("b", 1), choice("c", 6))
    first = Counter(names(made, salt=f"call-{number}")[0] for number in range(4000))
    assert [round(first[name] / 400) for name in "abc"] == [3, 1, 6]


def test_a_canary_gets_its_share_and_nothing_else() -> None:
    made = group(choice("a"), choice("new", canary=10), strategy="in_order")
    found = [names(made, salt=f"call-{number}") for number in range(4000)]
    assert {tuple(order) for order in found} == {("a",), ("new", "a")}
    assert 300 < sum(order[0] == "new" for order in found) < 500


def test_sticky_holds_on_to_its_session_whoever_else_comes_and_goes() -> None:
    few, many = group(choice("a"), choice("b"), choice("c"), strategy="sticky"), group(*map(choice, "abcd"), strategy="sticky")
    moved = 0
    for number in range(500):
        facts = Facts(session=b"session-%d" % number)
        before = names(few, facts=facts, salt="one")
        assert before == names(few, facts=facts, salt="another call")
        after = names(many, facts=facts)
        assert [name for name in after if name != "d"] == before
        moved += after[0] != before[0]
    assert 80 < moved < 170


def test_what_a_prompt_begins_with_stands_for_a_session_that_is_not_told() -> None:
    made = group(*map(choice, "abcdefgh"), strategy="sticky")
    same = {names(made, facts=Facts(prefix=b"You are a pirate."), salt=str(number))[0] for number in range(20)}
    assert len(same) == 1
    by_prefix = group(*map(choice, "abcdefgh"), strategy="sticky", sticky_by="prompt_prefix")
    assert {names(by_prefix, facts=Facts(prefix=b"You are a pirate.", session=b"%d" % n))[0] for n in range(20)} == same
    assert len({names(made, salt=str(number))[0] for number in range(50)}) > 1


def test_least_busy_and_lowest_latency_go_by_what_was_seen() -> None:
    health = Health()
    for name, running, seconds in (("a", 4, 0.5), ("b", 1, 2.0), ("c", 3, 1.0)):
        place = health.place(target(name))
        place.begun(1.0)
        place.succeeded(1.0, 1.0, seconds)
        for _ in range(running):
            place.begun(1.0)
    assert names(group(*map(choice, "abc"), strategy="least_busy"), health=health) == ["b", "c", "a"]
    assert names(group(choice("a", 10), choice("b"), strategy="least_busy"), health=health) == ["a", "b"]
    assert names(group(*map(choice, "abc"), strategy="lowest_latency"), health=health) == ["a", "c", "b"]
    assert names(group(*map(choice, "abcd"), strategy="lowest_latency"), health=health)[0] == "d"


def test_cheapest_counts_the_prompt_and_the_answer() -> None:
    made = group(
        choice("dear", price=Price(input=10, output=100)),
        choice("unknown"),
        choice("short", price=Price(input=1, output=200)),
        strategy="cheapest",
    )
    assert names(made, facts=Facts(tokens=10, output=100)) == ["dear", "short", "unknown"]
    assert names(made, facts=Facts(tokens=10_000, output=100)) == ["short", "dear", "unknown"]


def test_free_targets_first() -> None:
    free = Free(match=("*",), source="", date="")
    gratis = msgspec.structs.replace(choice("b"), targets=(msgspec.structs.replace(target("b"), free=free),))
    assert names(group(choice("a"), gratis, strategy="free_first")) == ["b", "a"]


def test_groups_are_tried_in_their_order_and_are_for_some_calls() -> None:
    first = group(choice("a"), when=When(tags=("eu",)))
    second = group(choice("b", when=When(input_under=10)), choice("c"), strategy="in_order")
    assert names(first, second, facts=Facts(tags=("eu",))) == ["a", "b", "c"]
    assert names(first, second, facts=Facts(tokens=50)) == ["c"]


def test_a_prompt_that_fits_nowhere_by_our_count_is_for_the_providers_to_say() -> None:
    made = group(choice("a", context=50), choice("b", context=90), strategy="in_order")
    assert names(made, facts=Facts(tokens=60)) == ["b"]
    assert names(made, facts=Facts(tokens=100)) == ["a", "b"]


def test_what_a_target_is_only_guessed_to_lack_is_no_reason() -> None:
    guess = msgspec.structs.replace(target("a", vision=False), is_guess=True)
    made = Group(choices=(Choice(targets=(guess,)), choice("b", vision=False)), strategy="in_order")
    assert names(made, facts=Facts(asks=frozenset({"vision"}))) == ["a"]


def test_each_credential_of_a_target_is_tried() -> None:
    accounts = tuple(Account(id=name, name=name, secret=Secret("x" * 9)) for name in ("k1", "k2"))
    two = MODELS.targets(msgspec.structs.replace(OPENAI, accounts=accounts), "gpt-9")
    chosen = select((Group(choices=(Choice(targets=two),), strategy="sticky"),), Facts(), Health(), salt="s", now=1.0)
    assert {found.place for found in chosen.targets} == {"openai/gpt-9#k1", "openai/gpt-9#k2"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_why(strategy: Inner) -> None:
    chosen = select((group(choice("a"), choice("b"), strategy=strategy),), Facts(), Health(), salt="s", now=1.0)
    assert chosen.why.startswith(strategy)
