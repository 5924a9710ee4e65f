"""Permissions on scopes, and the rule that nobody grants what they do not hold."""

import os
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.policy.roles import (
    GATEWAY,
    PERMISSIONS,
    ROLES,
    Grant,
    allows,
    allows_below,
    flaw_of_scope,
    grant,
    lacking,
    org_scope,
    team_scope,
    within,
)

SCOPES = (GATEWAY, "org/a", "org/a/team/x", "org/a/team/y", "org/b", "org/b/team/x", "org/ab")


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("org/a", GATEWAY, True),
        (GATEWAY, GATEWAY, True),
        (GATEWAY, "org/a", False),
        ("org/a", "org/a", True),
        ("org/a/team/x", "org/a", True),
        ("org/a", "org/a/team/x", False),
        ("org/ab", "org/a", False),
        ("org/b/team/x", "org/a", False),
        ("org/a/team/xy", "org/a/team/x", False),
    ],
)
def test_a_scope_covers_what_is_below_it_and_nothing_else(inner: str, outer: str, expected: bool) -> None:
    assert within(inner, outer) is expected


@pytest.mark.parametrize(
    "text", ["", "org", "org/", "org/a/", "org/a/team", "org/a/team/", "org//team/x", "gateway/org/a", "org/a/team/x/y", "*"]
)
def test_what_is_no_scope(text: str) -> None:
    assert flaw_of_scope(text) is not None


@pytest.mark.parametrize("text", [*SCOPES, org_scope("acme"), team_scope("acme", None), team_scope("acme", "t")])
def test_what_is_a_scope(text: str) -> None:
    assert flaw_of_scope(text) is None


def test_every_role_is_a_set_of_permissions_that_exist() -> None:
    assert set(ROLES) == {"owner", "admin", "key-custodian", "billing", "developer", "auditor", "viewer", "service"}
    for role, permissions in ROLES.items():
        assert permissions <= PERMISSIONS, role
        assert permissions, role


def test_roles_are_no_wider_than_they_say() -> None:
    assert ROLES["owner"] == PERMISSIONS
    for role in ("auditor", "viewer"):
        assert all(permission.endswith(":read") for permission in ROLES[role])
    assert not {"credentials:create", "credentials:rotate", "invoices:edit"} & ROLES["admin"]
    assert [role for role in ROLES if "roles:grant" in ROLES[role]] == ["owner", "admin"]
    assert [role for role in ROLES if "orgs:create" in ROLES[role]] == ["owner", "admin"]


def test_an_unknown_role_gives_nothing() -> None:
    assert grant("emperor", GATEWAY).permissions == frozenset()


def test_a_team_developer_is_nobody_elsewhere() -> None:
    held = (grant("developer", "org/a/team/x"),)
    assert allows(held, "keys:create", "org/a/team/x")
    assert not allows(held, "keys:create", "org/a")
    assert not allows(held, "keys:create", "org/a/team/y")
    assert allows_below(held, "keys:create", "org/a")
    assert not allows_below(held, "keys:create", "org/b")
    assert not allows_below(held, "teams:create", "org/a")


@pytest.mark.parametrize("role", sorted(ROLES))
def test_nobody_can_make_an_owner_but_an_owner(role: str) -> None:
    assert bool(lacking((grant(role, "org/a"),), (grant("owner", "org/a"),))) is (role != "owner")
    assert lacking((grant(role, "org/a"),), (grant(role, GATEWAY),))


@dataclass
class Oracle:
    """What is held, spelled out as pairs of permission and scope."""

    pairs: set[tuple[str, str]]

    def __init__(self, grants: list[Grant]) -> None:
        self.pairs = set()
        for one in grants:
            for scope in SCOPES:
                covered = one.scope == GATEWAY or scope.split("/")[: len(one.scope.split("/"))] == one.scope.split("/")
                if covered:
                    self.pairs.update((permission, scope) for permission in one.permissions)


HOLDERS = 240 if os.environ.get("TIDEGATE_FAULTS") == "long" else 60

grants = st.lists(
    st.builds(
        Grant,
        st.sampled_from(SCOPES),
        st.one_of(st.sampled_from(sorted(ROLES)).map(ROLES.__getitem__), st.frozensets(st.sampled_from(sorted(PERMISSIONS)), max_size=4)),
    ),
    max_size=4,
)


@settings(max_examples=int(os.environ.get("TIDEGATE_GRANTS", "250")), deadline=None)
@given(holder=grants, granted=grants)
def test_what_may_be_granted_is_exactly_what_is_held(holder: list[Grant], granted: list[Grant]) -> None:
    """T-AZ-2 for permissions, against a model that spells every scope out."""
    held, given_ = Oracle(holder).pairs, Oracle(granted).pairs
    assert (not lacking(holder, granted)) is (given_ <= held)
    for permission, scope in sorted(given_)[:20]:
        assert allows(holder, permission, scope) is ((permission, scope) in held)


def test_fifty_thousand_grants_give_nothing_that_is_not_held() -> None:
    """T-AZ-2 at its size at night, a sixteenth of it else: every one of many random holders gives all that every other one holds."""
    source = random.Random(5)

    def some() -> list[Grant]:
        return [grant(source.choice(sorted(ROLES)), source.choice(SCOPES)) for _ in range(source.randint(0, 3))]

    everyone = [(held, Oracle(held).pairs) for held in (some() for _ in range(HOLDERS))]
    passed = [(mine, theirs) for holder, mine in everyone for given_, theirs in everyone if not lacking(holder, given_)]
    assert len(everyone) ** 2 > (50_000 if HOLDERS > 60 else 3_000)
    assert len(passed) > len(everyone) ** 2 // 50
    assert all(theirs <= mine for mine, theirs in passed)
