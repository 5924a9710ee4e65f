"""Keys of other gateways among those of the database: found by their digest, and ended like any other."""

import hashlib

import pytest
from tests.unit.policy.values import snapshot

from tidegate.ir.errors import GatewayError
from tidegate.policy.directory import Delta, Directory, Listed
from tidegate.policy.identify import Callers
from tidegate.policy.keys import digest_of_hash, format_token, token_digest
from tidegate.policy.snapshot import Key

SK = "sk-Rk7qP0v1mZ8yT3wX5nB9"
ID = "e" * 12
MADE = snapshot()
BY_VALUE = token_digest(MADE.pepper, SK)
BY_HASH = digest_of_hash(MADE.pepper, hashlib.sha256(SK.encode()).hexdigest())


def callers(*listed: Listed) -> tuple[Directory, Callers]:
    directory = Directory()
    directory.apply(Delta(generation=1, keys={found.key.id: found for found in listed}, whole=True))
    directory.is_current = True
    return directory, Callers(MADE, directory)


def row(digest: bytes, *, foreign: bool = True) -> Listed:
    return Listed(Key(id=ID, name="old", digest=digest, org="acme"), (("acme", "org", "acme"),), foreign=foreign)


def code_of(made: Callers, token: str) -> str | None:
    with pytest.raises(GatewayError) as caught:
        made.identify(token)
    return caught.value.error.code


@pytest.mark.parametrize("digest", [BY_VALUE, BY_HASH])
def test_it_is_found_by_its_value_or_its_hash_and_its_end_counts(digest: bytes) -> None:
    directory, made = callers(row(digest))
    assert made.identify(SK).org == "acme"
    assert made.identify(SK).id == ID
    assert code_of(made, SK + "x") == "invalid_api_key"
    directory.apply(Delta(generation=2, keys={ID: Listed(row(digest).key, (), "revoked", foreign=True)}))
    assert code_of(made, SK) == "key_revoked"
    directory.apply(Delta(generation=3, keys={ID: None}))
    assert code_of(made, SK) == "invalid_api_key"
    assert not directory.has_foreign


def test_a_stored_hash_opens_nothing_itself() -> None:
    _, made = callers(row(BY_HASH))
    assert code_of(made, hashlib.sha256(SK.encode()).hexdigest()) == "invalid_api_key"
    assert code_of(made, format_token("live", ID, "s" * 43)) == "invalid_api_key"


def test_only_what_was_imported_is_found_so() -> None:
    _, made = callers(row(BY_VALUE, foreign=False))
    assert code_of(made, SK) == "invalid_api_key"


def test_while_the_database_is_away_an_unknown_one_may_be_good() -> None:
    directory, made = callers(row(BY_VALUE))
    directory.is_current = False
    assert made.identify(SK).id == ID
    assert code_of(made, SK + "x") == "auth_backend_unavailable"
    assert code_of(made, "sk-1234") == "invalid_api_key"
