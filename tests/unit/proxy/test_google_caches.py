import json
from typing import Any

import msgspec
from tests.unit.policy.values import key, snapshot, spec, upstream
from tests.unit.proxy.values import JSON, KEY, Given, Memory

from tidegate.policy.route import Planner

TOLD = {"name": "cachedContents/abc", "model": "models/g", "expireTime": "2023-11-14T23:00:00Z", "usageMetadata": {"totalTokenCount": 9}}
BODY = {"model": "models/google/g", "contents": [{"role": "user", "parts": [{"text": "long"}]}], "ttl": "60s"}
ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}


def given(value: Any, status: int = 200) -> Given:
    return Given(json.dumps(value).encode(), status=status, headers=JSON)


def memory(*answers: Given) -> Memory:
    made = Memory(*answers)
    kind = spec("google", "gemini", base_url="https://google.example/v1beta", auth="x-goog-api-key")
    google = msgspec.structs.replace(upstream("openai"), name="google", spec=kind, base_url=kind.base_url, auth=kind.auth)
    made.app.live.current = Planner(snapshot(google, upstream("openai"), keys=(key("tests", token=KEY),)))
    return made


async def test_a_cache_is_made_at_the_provider_and_is_its_makers() -> None:
    made = memory(given(TOLD), given(ANSWER), given(TOLD), given({**TOLD, "expireTime": "2023-11-15T01:00:00Z"}), given({}))
    got = await made.call("/v1beta/cachedContents", BODY)
    assert (got.status, got.json()) == (200, TOLD)
    sent = made.provider.sent[0]
    assert (sent.url, json.loads(sent.body)) == ("https://google.example/v1beta/cachedContents", {**BODY, "model": "models/g"})
    assert made.ledger.events[0].usage == {"input": 9, "output": 0}
    asked = {"contents": BODY["contents"], "cachedContent": TOLD["name"]}
    assert (await made.call("/v1beta/models/google/g:generateContent", asked)).status == 200
    assert (await made.call("/v1beta/cachedContents", method="GET")).json() == {"cachedContents": [TOLD]}
    assert (await made.call("/v1beta/cachedContents/abc", method="GET")).json() == TOLD
    changed = await made.call("/v1/cachedContents/abc?updateMask=ttl&key_of=x", {"ttl": "7200s"}, method="PATCH")
    assert (changed.status, made.provider.sent[3].method, made.provider.sent[3].url.partition("?")[2]) == (200, "PATCH", "updateMask=ttl")
    (row,) = made.kept.rows.values()
    assert row.expires == 1_700_010_000.0
    assert (await made.call("/v1beta/cachedContents/abc", method="DELETE")).status == 200
    assert (await made.call("/v1beta/cachedContents/abc", method="GET")).status == 404


async def test_anothers_cache_is_not_there() -> None:
    made = memory()
    for method in ("GET", "PATCH", "DELETE"):
        assert (await made.call("/v1beta/cachedContents/abc", {"ttl": "1s"}, method=method)).status == 404
    asked = {"contents": BODY["contents"], "cachedContent": "cachedContents/abc"}
    assert (await made.call("/v1beta/models/google/g:generateContent", asked)).status == 404
    assert made.provider.sent == []


async def test_who_has_no_caches_says_so() -> None:
    got = await memory().call("/v1beta/cachedContents", {**BODY, "model": "models/openai/gpt-9"})
    assert (got.status, got.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert (await memory().call("/v1beta/cachedContents", {"contents": []})).status == 400
    refused = memory(given({"error": {"code": 400, "message": "too short", "status": "INVALID_ARGUMENT"}}, 400))
    got = await refused.call("/v1beta/cachedContents", BODY)
    assert (got.status, got.json()["error"]["message"], refused.kept.rows) == (400, "too short", {})
