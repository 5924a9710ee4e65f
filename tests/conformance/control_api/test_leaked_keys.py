"""Leaked keys: whoever scans for them ends them, by a signature and the token itself."""

import hmac
from typing import Any

import msgspec
import pytest
from tests.support.control import World

from tidegate.adapters.billing_stripe import verified
from tidegate.control.api.leaked_keys import HEADER
from tidegate.policy.keys import format_token

SECRET = "s" * 32


@pytest.fixture
def watched(api: World) -> World:
    api.services = msgspec.structs.replace(
        api.services,
        leak_signed=lambda header, body: verified(SECRET, header, body, api.clock.now()),
        revoke_local=lambda token: token == format_token("live", "L" * 12, "A" * 43),
    )
    return api.rebuilt()


async def report(api: World, body: Any, *, secret: str = SECRET, at: float = 0.0) -> Any:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    when = str(int(api.clock.now() + at))
    mark = hmac.digest(secret.encode(), when.encode() + b"." + raw, "sha256").hex()
    return await api.ask("POST", "/leaked-keys", raw=raw, headers={HEADER: f"t={when},v1={mark}"})


async def test_a_leaked_key_ends_at_once_and_the_audit_log_says_where_it_was(watched: World) -> None:
    row, token = await watched.key("a", None, env="live", disabled_at=1)
    admin = await watched.admin("b", "owner")
    answer = await report(watched, {"keys": [{"token": token, "url": "https://git.example/x"}, {"token": admin}]})
    assert (answer.status, [key["result"] for key in answer.json["keys"]]) == (200, ["revoked", "revoked"])
    assert answer.json["keys"][0]["id"] == row.id
    assert (await watched.ask("GET", "/me", admin)).status == 401
    (event,) = (await watched.ask("GET", "/orgs/a/audit-events", watched.operator, query={"action": "key.revoke"})).json["items"]
    assert (event["actor_id"], event["subject_id"], event["reason"]) == ("leaked-keys", row.id, "https://git.example/x")
    again = await report(watched, {"keys": [{"token": token}]})
    assert again.json["keys"] == [{"id": row.id, "result": "ended"}]


async def test_only_whoever_has_the_token_ends_a_key(watched: World) -> None:
    row, token = await watched.key("a", None, env="live")
    other = format_token("live", row.id, "B" * 43)
    answer = await report(watched, {"keys": [{"token": other}, {"token": token[:-1]}, {"token": "sk-1234"}, {"token": row.id}]})
    assert [key["result"] for key in answer.json["keys"]] == ["unknown"] * 4
    assert token not in answer.body.decode()
    shown = await watched.ask("GET", f"/orgs/a/keys/{row.id}", watched.operator)
    assert shown.json["state"] == "active"


async def test_keys_of_the_gateways_own_file_end_too(watched: World) -> None:
    answer = await report(watched, {"keys": [{"token": format_token("live", "L" * 12, "A" * 43)}]})
    assert answer.json["keys"] == [{"id": "L" * 12, "result": "revoked"}]


async def test_what_is_not_signed_does_nothing(watched: World) -> None:
    row, token = await watched.key("a", None, env="live")
    body = {"keys": [{"token": token}]}
    for answer in (
        await report(watched, body, secret="t" * 32),
        await report(watched, body, at=-3600),
        await watched.ask("POST", "/leaked-keys", raw=msgspec.json.encode(body)),
        await watched.ask("POST", "/leaked-keys", watched.operator, body),
        await report(watched, b"not JSON"),
        await report(watched, {"keys": [{"token": 5}]}),
    ):
        assert (answer.status, answer.body) == (400, b"")
    assert (await watched.ask("GET", f"/orgs/a/keys/{row.id}", watched.operator)).json["state"] == "active"


async def test_without_a_secret_nothing_is_signed(api: World) -> None:
    _, token = await api.key("a", None, env="live")
    assert (await report(api, {"keys": [{"token": token}]}, secret="")).status == 400
