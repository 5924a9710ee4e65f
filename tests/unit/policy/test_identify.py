import tracemalloc

import msgspec
import pytest
from tests.unit.policy.values import PEPPER, key, snapshot

from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.policy.identify import Callers, identify, pick_token, refuse_query_key
from tidegate.policy.keys import format_token, token_digest
from tidegate.policy.snapshot import Key, Snapshot

TOKEN = format_token("live", "4fGh71kLmN0p", "s" * 43)
FOREIGN = "a-key-made-elsewhere-1234"
OURS = Key(id="4fGh71kLmN0p", name="ours", digest=token_digest(PEPPER, TOKEN))
THEIRS = Key(id="config:theirs", name="theirs", digest=token_digest(PEPPER, FOREIGN))


def known() -> Snapshot:
    return msgspec.structs.replace(snapshot(), keys_by_id={OURS.id: OURS}, keys_by_digest={THEIRS.digest: THEIRS})


def refused(token: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        identify(known(), token)
    assert caught.value.error.kind is ErrorKind.AUTHENTICATION
    assert caught.value.error.http_status == 401
    assert token not in str(caught.value)
    return caught.value


def test_both_kinds_of_keys_are_known() -> None:
    assert identify(known(), TOKEN) is OURS
    assert identify(known(), FOREIGN) is THEIRS


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (format_token("adm", OURS.id, "s" * 43), "admin key"),
        (TOKEN[:-3], "malformed"),
        (TOKEN.replace("ss", "tt", 1), "checksum"),
        (format_token("live", "4fGh71kLmN0p", "t" * 43), "`4fGh71kLmN0p` is not known"),
        (format_token("live", "0fGh71kLmN0p", "t" * 43), "`0fGh71kLmN0p` is not known"),
        ("sk-ant-api03-abcdefgh", "provider's own key"),
        ("some-other-key-of-somebody", "not known here"),
        ("x" * 9000, "longer than"),
        ("k\xe9y with \xff", "not known here"),
    ],
)
def test_a_key_that_does_not_open_says_why(token: str, words: str) -> None:
    assert words in str(refused(token))


@pytest.mark.parametrize("token", [TOKEN, FOREIGN])
def test_who_knows_the_beginning_of_a_key_that_was_used_knows_nothing(token: str) -> None:
    """T-SEC-6: what is remembered of a key is of the whole key."""
    callers = Callers(known())
    assert callers.identify(token, 0.0).name in ("ours", "theirs")
    for other in (token[:-1], token[:-1] + "5", token + "5", format_token("live", "4fGh71kLmN0p", "t" * 43)):
        with pytest.raises(GatewayError):
            callers.identify(other, 0.0)


def test_a_key_of_another_pepper_does_not_open() -> None:
    other = msgspec.structs.replace(known(), pepper=b"z" * 32)
    for token in (TOKEN, FOREIGN):
        with pytest.raises(GatewayError, match="not known"):
            identify(other, token)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer abc")],
        [(b"authorization", b"bearer   abc ")],
        [(b"x-api-key", b"abc")],
        [(b"api-key", b" abc ")],
        [(b"x-goog-api-key", b"abc")],
        [(b"host", b"x"), (b"authorization", b"Bearer abc"), (b"x-api-key", b"abc")],
        [(b"authorization", b"Bearer "), (b"x-api-key", b"abc")],
        [(b"authorization", b""), (b"api-key", b""), (b"x-api-key", b"abc")],
    ],
)
def test_the_key_is_found_in_any_of_its_headers(headers: list[tuple[bytes, bytes]]) -> None:
    assert pick_token(headers) == "abc"


@pytest.mark.parametrize(
    ("headers", "code", "words"),
    [
        ([], "missing_api_key", "x-api-key"),
        ([(b"cookie", b"key=abc")], "missing_api_key", "Authorization: Bearer"),
        ([(b"authorization", b"Bearer")], "missing_api_key", "tidegate keys create"),
        ([(b"authorization", b"Basic abc")], "invalid_api_key", "not of the scheme `Bearer`"),
        ([(b"authorization", TOKEN.encode())], "invalid_api_key", "lacks its scheme"),
        ([(b"authorization", b"Bearer one"), (b"x-api-key", b"two")], "conflicting_keys", "`authorization` and `x-api-key`"),
        ([(b"x-api-key", b"one"), (b"x-api-key", b"two")], "conflicting_keys", "different keys"),
    ],
)
def test_headers_without_one_clear_key_are_refused(headers: list[tuple[bytes, bytes]], code: str, words: str) -> None:
    with pytest.raises(GatewayError) as caught:
        pick_token(headers)
    assert caught.value.error.code == code
    assert caught.value.error.http_status == 401
    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "query", [b"key=abc", b"beta=true&api_key=abc", b"API-KEY=abc", b"%6bey=abc", b"access_token", b"x&x-goog-api-key=a"]
)
def test_a_key_in_the_url_is_refused(query: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        refuse_query_key(query)
    assert caught.value.error.code == "key_in_url"
    assert caught.value.error.http_status == 400
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("query", [b"", b"beta=true", b"limit=5&after_id=key", b"monkey=1", b"&&="])
def test_other_queries_pass(query: bytes) -> None:
    refuse_query_key(query)


def test_values_of_the_helpers_are_what_they_say() -> None:
    assert identify(snapshot(keys=(key("long-enough-for-a-key-123"),)), "long-enough-for-a-key-123").name == "long-enough-for-a-key-123"


def test_an_admin_key_calls_nothing_even_where_its_digest_is_known() -> None:
    token = format_token("adm", "4fGh71kLmN0p", "s" * 43)
    admin = Key(id="4fGh71kLmN0p", name="admin", digest=token_digest(PEPPER, token))
    with pytest.raises(GatewayError) as caught:
        identify(msgspec.structs.replace(snapshot(), keys_by_id={admin.id: admin}), token)
    assert caught.value.error.code == "admin_key"


def test_what_the_headers_carry_is_remembered_for_those_very_headers() -> None:
    callers = Callers(known())
    good = (b"authorization", b"Bearer " + TOKEN.encode())

    def caller(*headers: tuple[bytes, bytes]) -> str:
        return callers.caller(list(headers), dict(headers), 0.0).id

    found = caller(good)
    assert caller((b"host", b"x"), good) == found
    assert caller((b"x-api-key", TOKEN.encode())) == found
    assert caller(good, good) == found
    for headers in (
        [good, (b"x-api-key", b"two")],
        [(b"authorization", b"Bearer two"), good],
        [good, (b"authorization", b"Bearer two")],
        [(b"authorization", b"Bearer two")],
        [(b"host", b"x")],
    ):
        with pytest.raises(GatewayError) as caught:
            caller(*headers)
        assert caught.value.error.http_status == 401


def test_many_ways_to_write_one_key_cost_no_memory() -> None:
    callers = Callers(known())
    for blanks in range(200):
        headers = [(b"authorization", b"Bearer " + b" " * (5000 + blanks) + TOKEN.encode())]
        callers.caller(headers, dict(headers), 0.0)
    tracemalloc.start()
    try:
        for blanks in range(200):
            headers = [(b"authorization", b"Bearer " + b" " * (6000 + blanks) + TOKEN.encode())]
            callers.caller(headers, dict(headers), 0.0)
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()
