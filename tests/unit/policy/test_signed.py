import hashlib
from typing import Any

import pytest
from tests.unit.policy.values import key, snapshot

from tidegate.ir.errors import GatewayError
from tidegate.policy.directory import Delta, Directory, Listed, State
from tidegate.policy.identify import Callers, NotKnown
from tidegate.policy.signed import claimed, is_signed, prove, secret_of
from tidegate.policy.snapshot import Key
from tidegate.providers.sigv4 import Credentials, sign

NOW = 1_700_000_000.0
KEY = key("laptop")
SNAPSHOT = snapshot(keys=(KEY,))
CALLERS = Callers(SNAPSHOT)
URL = "http://gateway.example:8080/model/openai%2Fgpt/converse?x=1"


def signed(
    secret: str | None = None, *, at: float = NOW, access: str = KEY.id, service: str = "bedrock", body: bytes = b"{}"
) -> dict[bytes, bytes]:
    """The headers of a request as a client of AWS sends it."""
    found = secret if secret is not None else secret_of(SNAPSHOT.pepper, KEY.digest)
    headers = {"content-type": "application/json"}
    headers |= sign(Credentials(access, found), "eu-west-1", service, method="POST", url=URL, headers=headers, body=body, at=at)
    return {name.encode(): value.encode() for name, value in {**headers, "host": "gateway.example:8080"}.items()}


def check(headers: dict[bytes, bytes], *, now: float = NOW, callers: Callers = CALLERS, **changed: Any) -> str:
    """The name of the key that called."""
    found = claimed(callers, headers, now)
    asked: dict[str, Any] = {"method": "POST", "path": b"/model/openai%2Fgpt/converse", "query": b"x=1", "body": b"{}", **changed}
    prove(found, SNAPSHOT.pepper, headers=headers, **asked)
    return found.key.name


def test_a_signature_with_the_derived_secret_is_the_keys_own() -> None:
    assert is_signed(signed()[b"authorization"])
    assert not is_signed(b"Bearer tgk_live_x")
    assert check(signed()) == "laptop"
    assert check(signed(at=NOW - 890)) == "laptop"


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"path": b"/model/openai%2Fother/converse"},
        {"query": b"x=2"},
        {"body": b'{"a":1}'},
    ],
)
def test_whatever_is_changed_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as refused:
        check(signed(), **changed)
    assert refused.value.error.type == "InvalidSignatureException"


def test_a_header_that_is_signed_must_be_as_it_was() -> None:
    for name in (b"host", b"content-type"):
        with pytest.raises(GatewayError):
            check({**signed(), name: b"other"})


def test_a_payload_hash_must_be_that_of_the_body() -> None:
    told = {**signed(), b"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest().encode()}
    with pytest.raises(GatewayError):
        check(told)
    with pytest.raises(GatewayError):
        check({**signed(), b"x-amz-content-sha256": b"UNSIGNED-PAYLOAD"})


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        (signed("wrong"), "InvalidSignatureException"),
        (signed(at=NOW - 1000), "InvalidSignatureException"),
        (signed(at=NOW + 1000), "InvalidSignatureException"),
        (signed(access="nobody"), "UnrecognizedClientException"),
        (signed(service="s3"), "IncompleteSignature"),
        ({b"authorization": b"AWS4-HMAC-SHA256 nonsense"}, "IncompleteSignature"),
        ({**signed(), b"x-amz-date": b"20200101T000000Z"}, "IncompleteSignature"),
    ],
)
def test_claims_that_do_not_hold(headers: dict[bytes, bytes], word: str) -> None:
    with pytest.raises(GatewayError) as refused:
        check(headers)
    assert refused.value.error.type == word
    assert secret_of(SNAPSHOT.pepper, KEY.digest) not in refused.value.error.message


def test_secrets_differ_by_key_and_by_gateway() -> None:
    made = {secret_of(pepper, digest) for pepper in (b"a" * 32, b"b" * 32) for digest in (b"x" * 32, b"y" * 32)}
    assert len(made) == 4
    assert {len(secret) for secret in made} == {40}


def of_the_database(found: Key | None = None, *, state: State = "active", foreign: bool = False) -> tuple[Callers, Directory]:
    directory = Directory()
    row = Listed(found or key("kept"), (), state, foreign)
    directory.apply(Delta(generation=1, keys={row.key.id: row}, whole=True))
    directory.is_current = True
    return Callers(SNAPSHOT, directory), directory


def test_a_key_of_the_database_signs_like_any_other_and_is_looked_at_once_it_is_proved() -> None:
    kept = key("kept")
    callers, directory = of_the_database()
    headers = signed(secret_of(SNAPSHOT.pepper, kept.digest), access=kept.id)
    assert check(headers, callers=callers) == "kept"
    assert directory.used == {}
    assert callers.working(kept, NOW) == kept
    assert directory.used == {(kept.org, kept.id): NOW}
    callers, _ = of_the_database(state="revoked")
    # Whoever has no secret does not hear in which state a key is.
    assert check(headers, callers=callers) == "kept"
    with pytest.raises(GatewayError, match="was revoked"):
        callers.working(kept, NOW)


def test_who_cannot_sign_is_unknown_and_may_be_known_to_the_database() -> None:
    kept = key("kept")
    headers = signed(secret_of(SNAPSHOT.pepper, kept.digest), access=kept.id)
    with pytest.raises(NotKnown):
        check(headers, callers=of_the_database(foreign=True)[0])
    callers, directory = of_the_database(key("other"))
    with pytest.raises(NotKnown):
        check(headers, callers=callers)
    directory.is_current = False
    with pytest.raises(GatewayError) as away:
        check(headers, callers=callers)
    assert away.value.error.http_status == 503
    with pytest.raises(GatewayError, match="not known here"):
        callers.working(kept, NOW)
