"""T-ST-2 and T-ST-3 at their small size: a provider that dies at every event, and a client that leaves in every phase, over the running
gateway. The judge is the provider's own log: each attempt has one row of the ledger, and the client has the bytes of one attempt at most.
"""

import http.client
import json
import time
from collections.abc import Generator
from typing import Any

import pytest
from tests.e2e.wire import Answer, Provider, call
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.server import running

EVENTS = 7
"""Of an answer of three tokens: its beginning, its tokens, its end, its usage and its terminator, in either dialect, and one more."""
CUTS: tuple[dict[str, Any], ...] = ({"mode": "rst"}, {"mode": "fin"}, {"mode": "garbage"}, {"error_in_stream": True})
DIALECTS = {"/v1/chat/completions": (b"[DONE]",), "/v1/messages": (b"message_stop",), "/v1/responses": (b"response.completed",)}
pytestmark = pytest.mark.programme("T-ST-3", of="a provider that dies at every event")
ERRORS = (b'"error"', b"response.failed")


@pytest.fixture(scope="module")
def behind() -> Generator[Provider]:
    with running() as sandbox:
        yield Provider(sandbox)


@pytest.fixture
def provider(behind: Provider) -> Provider:
    behind.forget()
    return behind


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, behind: Provider) -> Generator[GatewayProcess]:
    def at(place: str, kind: str) -> dict[str, Any]:
        return {"kind": kind, "base_url": f"{behind.url}/{place}/v1", "api_key": PROVIDER_KEY}

    configuration = {
        "providers": {
            "one": at("one", "openai"),
            "two": at("two", "openai"),
            "three": at("three", "anthropic"),
            "own": at("own", "openai"),
        },
        "routes": {
            "same": {"targets": ["one/gpt-4o", "two/gpt-4o"], "retries": 0, "circuit_breaker": False},
            "flip": {"targets": ["one/gpt-4o", "three/claude-sonnet-4-5"], "retries": 0, "circuit_breaker": False},
            "alone": {"targets": ["one/gpt-4o"], "retries": 0, "circuit_breaker": False},
            "again": {"targets": ["one/gpt-4o"], "retries": 2, "circuit_breaker": False},
            "left": {"targets": ["own/gpt-4o"], "retries": 0},
        },
    }
    with (
        GatewayProcess(tmp_path_factory.mktemp("attempts"), configuration) as started,
        judged_at_its_end([started], behind.port, secrets={"its key": PROVIDER_KEY}),
    ):
        yield started


def body(path: str, model: str, script: dict[str, Any], *, stream: bool = True) -> dict[str, Any]:
    text = json.dumps({"sandbox": script})
    said = {"input": text} if path == "/v1/responses" else {"messages": [{"role": "user", "content": text}]}
    return {"model": model, "stream": stream, **said, **({"max_tokens": 99} if path == "/v1/messages" else {})}


def ask(gateway: GatewayProcess, path: str, model: str, script: dict[str, Any], *, stream: bool = True) -> Answer:
    return call(f"{gateway.url}{path}", "POST", gateway.headers, body(path, model, script, stream=stream))


def rows(gateway: GatewayProcess, request_id: str, count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 10
    while True:
        found = [event for event in gateway.usage() if event["request_id"] == request_id]
        if len(found) >= count or time.monotonic() > until:
            return found


def since(gateway: GatewayProcess, began: float) -> list[dict[str, Any]]:
    """The rows of calls that have begun since, once there is one."""
    until = time.monotonic() + 10
    while not (found := [event for event in gateway.usage() if event["at"] >= began]):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def check_end(path: str, answer: Answer) -> bool:
    """That the answer ends in one way and says so once. True where it ended well."""
    (terminator,) = DIALECTS[path]
    if answer.status != 200:
        assert "error" in answer.json()
        return False
    well = answer.body.count(b"data: [DONE]" if terminator == b"[DONE]" else b"event: " + terminator)
    badly = any(word in answer.body for word in ERRORS)
    # A stream of chat completions has told its end with its finish reason: what breaks between that and `[DONE]` takes nothing away.
    told = badly or (path == "/v1/chat/completions" and b'"finish_reason":"stop"' in answer.body)
    assert (well, badly) == (1, False) or (well == 0 and told), answer.body
    return not badly


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.get("mode", "error"))
@pytest.mark.parametrize("path", DIALECTS)
@pytest.mark.parametrize("route", ["same", "flip", "alone"])
def test_a_provider_that_dies_at_every_event(
    gateway: GatewayProcess, provider: Provider, route: str, path: str, cut: dict[str, Any]
) -> None:
    texts = {"one": "alpha alpha alpha", "two": "omega", "three": "omega"}
    for die_at in range(EVENTS):
        provider.forget()
        first = {"text": texts["one"], "die_at": die_at, "gap_ms": 2, **cut}
        answer = ask(gateway, path, route, {"by_target": {"one": first, "two": {"text": "omega"}, "three": {"text": "omega"}}})
        well = check_end(path, answer)
        assert not (b"alpha" in answer.body and b"omega" in answer.body), answer.body
        assert b"alpha" not in answer.body or not well or b"omega" not in answer.body
        if b"omega" in answer.body:
            assert well
        attempts = provider.attempts()
        found = rows(gateway, answer.headers["x-request-id"], len(attempts))
        assert [row["attempt"] for row in found] == list(range(1, len(attempts) + 1))
        assert len(attempts) == (2 if b"omega" in answer.body else 1)


def test_retries_are_made_as_the_route_says_and_each_is_on_the_ledger(gateway: GatewayProcess, provider: Provider) -> None:
    answer = ask(gateway, "/v1/chat/completions", "again", {"status": 503, "times": 2, "seed": 1}, stream=False)
    assert answer.status == 200
    assert [row["status"] for row in rows(gateway, answer.headers["x-request-id"], 3)] == [503, 503, 200]
    answer = ask(gateway, "/v1/chat/completions", "again", {"status": 503})
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "false")
    assert len(provider.attempts(6)) == 6


def test_what_a_provider_asks_to_wait_is_waited(gateway: GatewayProcess, provider: Provider) -> None:
    began = time.monotonic()
    answer = ask(gateway, "/v1/messages", "again", {"status": 429, "retry_after": 1, "times": 1, "seed": 2})
    assert check_end("/v1/messages", answer)
    assert time.monotonic() - began >= 1.0


def test_a_call_that_may_not_happen_twice_is_made_once(gateway: GatewayProcess, provider: Provider) -> None:
    asked = {**body("/v1/chat/completions", "again", {"status": 500}), "store": True}
    assert call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, asked).status == 500
    assert len(provider.attempts()) == 1


def test_a_target_that_asks_to_be_left_alone_is(gateway: GatewayProcess, provider: Provider) -> None:
    assert ask(gateway, "/v1/chat/completions", "left", {"status": 429, "retry_after": 30}).status == 429
    refused = [ask(gateway, "/v1/chat/completions", "left", {}) for _ in range(5)]
    assert {answer.status for answer in refused} == {503}
    assert all(30 <= int(answer.headers["retry-after"]) <= 36 for answer in refused)
    assert len(provider.attempts()) == 1
    page = call(f"{gateway.url}/metrics").body
    assert b'tidegate_target_state{credential="",target="own/gpt-4o"} 1.0' in page


@pytest.mark.parametrize(
    "script",
    [
        {"header_delay_ms": 60_000},
        {"ttft_ms": 60_000},
        {"n": 5000, "gap_ms": 5},
        {"status": 429, "retry_after": 30},
    ],
    ids=["before the head", "held", "under way", "between retries"],
)
def test_a_client_that_leaves_in_any_phase(gateway: GatewayProcess, provider: Provider, script: dict[str, Any]) -> None:
    began = time.time()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("POST", "/v1/chat/completions", json.dumps(body("/v1/chat/completions", "again", script)), gateway.headers)
    until = time.monotonic() + 5
    while not provider.open() and "status" not in script:
        assert time.monotonic() < until
        time.sleep(0.005)
    if "status" in script:
        since(gateway, began)
    connection.close()
    left = time.monotonic()
    assert len(provider.attempts()) == 1
    assert time.monotonic() - left < 1.0
    (row,) = since(gateway, began)
    assert row["status"] == (429 if "status" in script else 499)
    assert provider.open() == 0
