"""Providers whose credential is exchanged for a token, seen from a client."""

import json

import msgspec
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import GPT, KEY, Given, Memory

from tidegate.policy.route import Planner, Route
from tidegate.policy.secret import Secret
from tidegate.ports import AccessFailure

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
ANSWER = json.dumps({"id": "x", "object": "chat.completion", "model": "gpt-9", "choices": [CHOICE]}).encode()


def _memory(credential: str | None, *, caller_keys: bool = False) -> Memory:
    memory = Memory(Given(ANSWER))
    google = msgspec.structs.replace(upstream("openai"), auth="google", credential=Secret(credential) if credential else None)
    routes = (Route(name="own", targets=(("openai", "gpt-9"),), caller_keys=True),) if caller_keys else ()
    memory.app.live.current = Planner(snapshot(google, routes=routes, keys=(key("tests", token=KEY),)))
    return memory


async def test_a_document_or_nothing_is_exchanged() -> None:
    for credential in ('{"type": "service_account"}', None):
        memory = _memory(credential)
        assert (await memory.chat(GPT)).status == 200
        headers = memory.provider.sent[0].headers
        assert headers["authorization"] == "Bearer google-token"
        assert "x-goog-api-key" not in headers
        assert memory.access.asked == [credential]


async def test_a_key_is_sent_as_it_is() -> None:
    memory = _memory("AIza-key")
    assert (await memory.chat(GPT)).status == 200
    assert memory.provider.sent[0].headers["x-goog-api-key"] == "AIza-key"
    assert memory.access.asked == []


async def test_a_refused_exchange_is_an_answer() -> None:
    memory = _memory(None)
    memory.access.failure = AccessFailure("no identity")
    got = await memory.chat(GPT)
    assert (got.status, got.json()["error"]["code"]) == (502, "no_access_token")
    memory.access.failure = AccessFailure("bad document", permanent=True)
    got = await memory.chat(GPT)
    assert (got.status, got.json()["error"]["code"]) == (400, "unusable_credential")
    assert memory.provider.sent == []


async def test_a_caller_brings_a_key_and_no_document() -> None:
    memory = _memory(None, caller_keys=True)
    document = json.dumps({"type": "external_account", "credential_source": {"file": "/etc/passwd"}})
    body = {"model": "own", "messages": [{"role": "user", "content": "Hi"}]}
    got = await memory.call("/v1/chat/completions", body, {"x-tidegate-provider-key": document})
    assert got.status == 400
    assert memory.access.asked == []
    assert (await memory.call("/v1/chat/completions", body, {"x-tidegate-provider-key": "AIza-own"})).status == 200
    assert memory.provider.sent[0].headers["x-goog-api-key"] == "AIza-own"
