from typing import Any

import pytest
from tests.unit.policy.values import snapshot

from tidegate.ir.errors import GatewayError
from tidegate.policy.directory import Delta, Directory, Listed
from tidegate.policy.identify import Callers, NotKnown
from tidegate.policy.keys import format_token, token_digest
from tidegate.policy.reach import Reach
from tidegate.policy.snapshot import Key, Snapshot

ID = "a" * 12
TOKEN = format_token("live", ID, "s" * 43)
ORG = ("acme", "org", "acme")
TEAM = ("acme", "team", "core")


@pytest.fixture
def made() -> Snapshot:
    return snapshot()


def listed(made: Snapshot, *, state: Any = "active", **fields: Any) -> Listed:
    key = Key(id=ID, name="k", digest=token_digest(made.pepper, TOKEN), org="acme", team="core", reach=Reach(), **fields)
    return Listed(key, (ORG, TEAM), state)


def code_of(callers: Callers, token: str = TOKEN, at: float = 0.0) -> tuple[int, str | None]:
    with pytest.raises(GatewayError) as caught:
        callers.identify(token, at)
    return caught.value.error.http_status, caught.value.error.code


def test_a_key_of_the_database_is_found_and_its_edits_count_at_once(made: Snapshot) -> None:
    directory = Directory()
    callers = Callers(made, directory)
    directory.apply(Delta(generation=1, keys={ID: listed(made)}, whole=True))
    assert callers.identify(TOKEN, 5.0).org == "acme"
    assert directory.used == {("acme", ID): 5.0}
    directory.apply(Delta(generation=2, keys={ID: listed(made, models=("smart",), revision=2)}))
    assert callers.identify(TOKEN, 6.0).models == ("smart",)
    directory.apply(Delta(generation=3, keys={ID: listed(made, state="disabled")}))
    assert code_of(callers) == (401, "key_disabled")
    directory.apply(Delta(generation=4, keys={ID: listed(made, state="revoked")}))
    assert code_of(callers) == (401, "key_revoked")
    directory.apply(Delta(generation=5, keys={ID: None}))
    directory.is_current = True
    assert code_of(callers) == (401, "invalid_api_key")


def test_an_older_generation_changes_nothing(made: Snapshot) -> None:
    """T-CF-1: nothing that was revoked comes back."""
    directory = Directory()
    directory.apply(Delta(generation=7, keys={ID: listed(made, state="revoked")}, whole=True))
    assert not directory.apply(Delta(generation=6, keys={ID: listed(made)}))
    assert not directory.apply(Delta(generation=6, keys={ID: listed(made)}, whole=True))
    assert code_of(Callers(made, directory)) == (401, "key_revoked")


def test_whoever_is_off_takes_all_keys_along(made: Snapshot) -> None:
    directory = Directory()
    callers = Callers(made, directory)
    directory.apply(Delta(generation=1, keys={ID: listed(made)}, whole=True))
    for off in (ORG, TEAM):
        directory.apply(Delta(generation=2, off=frozenset([off])))
        assert code_of(callers) == (401, "owner_disabled")
        directory.apply(Delta(generation=2, off=frozenset()))
        assert callers.identify(TOKEN).id == ID


def test_an_unknown_key_while_the_database_is_away_is_no_401(made: Snapshot) -> None:
    directory = Directory()
    callers = Callers(made, directory)
    assert not callers.ready
    assert code_of(callers) == (503, "auth_backend_unavailable")
    directory.apply(Delta(generation=1, keys={}, whole=True))
    assert callers.ready
    assert code_of(callers) == (503, "auth_backend_unavailable")
    directory.is_current = True
    assert code_of(callers) == (401, "invalid_api_key")
    assert code_of(callers, TOKEN[:-1] + "_")[0] == 401


def test_another_secret_is_not_the_key(made: Snapshot) -> None:
    directory = Directory()
    directory.apply(Delta(generation=1, keys={ID: listed(made)}, whole=True))
    callers = Callers(made, directory)
    assert code_of(callers, format_token("live", ID, "t" * 43)) == (401, "invalid_api_key")
    assert callers.identify(TOKEN).id == ID
    # A key that was made anew under the same id is another one, whatever was remembered of the old.
    other = Listed(Key(id=ID, name="k", digest=b"x" * 32, reach=Reach()), ())
    directory.apply(Delta(generation=2, keys={ID: other}))
    assert code_of(callers) == (401, "invalid_api_key")


def test_a_key_that_has_ended_is_told_so(made: Snapshot) -> None:
    directory = Directory()
    key = listed(made).key
    ended = Key(id=ID, name="k", digest=key.digest, reach=Reach(ends_at=10.0))
    directory.apply(Delta(generation=1, keys={ID: Listed(ended, ())}, whole=True))
    assert code_of(Callers(made, directory), at=11.0) == (401, "key_expired")


def test_only_what_the_database_may_know_better_is_asked_of_it(made: Snapshot) -> None:
    directory = Directory()
    callers = Callers(made, directory)
    directory.apply(Delta(generation=1, keys={ID: listed(made, state="disabled")}, whole=True))
    directory.is_current = True
    for token, asks in (
        (format_token("live", "b" * 12, "s" * 43), True),
        ("a-key-of-another-gateway-0123456789", True),
        (TOKEN, False),
        (format_token("live", ID, "t" * 43), False),
        (format_token("adm", "b" * 12, "s" * 43), False),
        (TOKEN[:-1] + "_", False),
        ("short", False),
    ):
        with pytest.raises(GatewayError) as caught:
            callers.identify(token)
        assert isinstance(caught.value, NotKnown) is asks, token
        assert caught.value.error.http_status == 401
