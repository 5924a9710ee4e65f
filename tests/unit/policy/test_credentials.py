"""Whose credential a call carries, and in which order several are tried."""

from collections import Counter

import msgspec
import pytest
from tests.unit.policy.values import snapshot, upstream

from tidegate.policy.credentials import origin_of, purpose_of, spread, with_accounts
from tidegate.policy.route import Planner
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, Key, Target

KEY = Key(id="k", name="k", digest=b"")
OF_A = Key(id="ka", name="ka", digest=b"", org="a")


def account(id: str, weight: int = 1) -> Account:
    return Account(id=id, name=id, secret=Secret(f"secret of {id}"), weight=weight)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.Anthropic.com/v1", "https://api.anthropic.com"),
        ("https://api.anthropic.com:443", "https://api.anthropic.com"),
        ("https://api.anthropic.com:8443/x?y", "https://api.anthropic.com:8443"),
        ("http://10.0.0.5:80/v1", "http://10.0.0.5"),
        ("http://[fd00::1]:8000/v1", "http://[fd00::1]:8000"),
        ("https://user@host/", "https://host"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "ftp://x", "https://", "x.example", "https://x:99999/"])
def test_what_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError):
        origin_of(url)


def test_no_two_places_have_one_purpose() -> None:
    places = [(provider, origin) for provider in ("a", "b") for origin in ("https://x", "https://x:444", "http://x")]
    assert len({purpose_of(*place) for place in places}) == len(places)


def secrets_of(targets: list[Target]) -> list[str]:
    return [target.upstream.credential.reveal() if target.upstream.credential else "" for target in targets]


def test_shared_accounts_take_the_place_of_the_files_credential() -> None:
    found = with_accounts(upstream("openai"), (account("one"), account("two")))
    plan = Planner(snapshot(found)).plan(KEY, "openai/gpt-9")
    assert plan.spread
    assert {target.name for target in plan.targets} == {"openai/gpt-9"}
    assert secrets_of(list(plan.targets)) == ["secret of one", "secret of two"]


def test_an_organisation_uses_its_own_and_nobody_elses() -> None:
    shared = with_accounts(upstream("openai"), (account("shared"),))
    base = snapshot(shared, upstream("anthropic"))
    planner = Planner(msgspec.structs.replace(base, own={"a": {"openai": (account("own"),)}}))
    assert secrets_of(list(planner.plan(OF_A, "gpt-9").targets)) == ["secret of own"]
    assert secrets_of(list(planner.plan(KEY, "gpt-9").targets)) == ["secret of shared"]
    assert secrets_of(list(planner.plan(msgspec.structs.replace(OF_A, org="b"), "gpt-9").targets)) == ["secret of shared"]
    assert secrets_of(list(planner.plan(OF_A, "claude-big").targets)) == ["upstream-secret"]


def test_a_provider_without_a_key_works_for_whoever_brings_one() -> None:
    base = snapshot(upstream("openai", missing="set OPENAI_API_KEY"))
    planner = Planner(msgspec.structs.replace(base, own={"a": {"openai": (account("own"),)}}))
    assert secrets_of(list(planner.plan(OF_A, "openai/gpt-9").targets)) == ["secret of own"]
    assert "openai/gpt-9" in {model.name for model in planner.models(OF_A)}
    assert {model.name for model in planner.models(KEY)} == {"sandbox/echo"}
    with pytest.raises(Exception, match="OPENAI_API_KEY"):
        planner.plan(KEY, "openai/gpt-9")


def test_calls_are_drawn_by_weight() -> None:
    plan = Planner(snapshot(with_accounts(upstream("openai"), (account("one", 1), account("two", 3), account("three", 6))))).plan(
        KEY, "openai/gpt-9"
    )
    orders = [[target.account.id for target in spread(plan.targets, str(call)) if target.account] for call in range(4000)]
    assert all(sorted(order) == ["one", "three", "two"] for order in orders)
    first = Counter(order[0] for order in orders)
    assert first["one"] == pytest.approx(400, abs=80)
    assert first["two"] == pytest.approx(1200, abs=120)
    assert first["three"] == pytest.approx(2400, abs=130)
    assert orders[0] == [target.account.id for target in spread(plan.targets, "0") if target.account]


def test_the_order_of_a_routes_targets_stays() -> None:
    one = with_accounts(upstream("openai"), (account("one"), account("two")))
    planner = Planner(snapshot(one, upstream("anthropic")))
    targets = [*planner.plan(KEY, "claude-big").targets, *planner.plan(KEY, "gpt-9").targets]
    for call in range(20):
        assert [target.name for target in spread(targets, str(call))] == ["anthropic/claude-big", "openai/gpt-9", "openai/gpt-9"]


def test_a_server_without_a_key_gets_the_usual_header() -> None:
    assert with_accounts(upstream("ollama"), (account("one"),)).auth == "bearer"
    assert with_accounts(upstream("anthropic"), (account("one"),)).auth == "x-api-key"
