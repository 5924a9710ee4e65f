import base64
import json
from pathlib import Path

import pytest
from tests.unit.sandbox.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask_anthropic, ask_openai, attempt, call, get

from tidegate.control.upstreams import SANDBOX_MODELS
from tidegate.sandbox.answer import MODELS
from tidegate.sandbox.app import Settings
from tidegate.sandbox.server import Running, running
from tidegate.sandbox.truth import fingerprint


async def test_the_list_of_models_in_both_shapes(sandbox: Running) -> None:
    theirs = await get(sandbox, "/v1/models", ANTHROPIC_HEADERS)
    assert [row["id"] for row in theirs["data"]] == list(MODELS)
    assert theirs["has_more"] is False
    ours = await get(sandbox, "/v1/models", OPENAI_HEADERS)
    assert ours["object"] == "list"
    assert [row["id"] for row in ours["data"]] == list(MODELS)
    assert (await get(sandbox, "/v1/models/sandbox/echo"))["object"] == "model"
    assert (await get(sandbox, "/v1/models/echo", ANTHROPIC_HEADERS))["type"] == "model"


def test_the_gateway_knows_these_models() -> None:
    assert MODELS == SANDBOX_MODELS


async def test_any_path_before_v1_will_do(sandbox: Running) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
    for path in ("/v1/chat/completions", "/chat/completions", "/p1/v1/chat/completions", "/sandbox/v1/chat/completions"):
        assert (await call(sandbox, path, body, OPENAI_HEADERS)).json["choices"][0]["message"]["content"] == "hi"


@pytest.mark.parametrize(("path", "method"), [("/v1/fine_tuning", "POST"), ("/v1/messages", "GET"), ("/sandbox/nothing", "GET")])
async def test_other_paths_are_404_in_the_dialect(sandbox: Running, path: str, method: str) -> None:
    raw = await call(sandbox, path, b"", {}, method)
    assert raw.status == 404
    assert "There is no" in raw.json["error"]["message"]


async def test_the_root_says_what_this_is(sandbox: Running) -> None:
    assert (await get(sandbox, "/"))["sandbox"] == "tidegate"


async def test_headers_of_the_real_providers(sandbox: Running) -> None:
    ours = await ask_openai(sandbox, "hi")
    assert ours.headers["x-request-id"].startswith("req_sandbox_")
    assert ours.headers["x-ratelimit-remaining-requests"] == "9999"
    theirs = await ask_anthropic(sandbox, "hi")
    assert theirs.headers["request-id"].startswith("req_sandbox_")
    assert theirs.headers["anthropic-ratelimit-requests-limit"] == "4000"


async def test_received_requests_are_shown_as_they_came(sandbox: Running) -> None:
    body = b'{ "model":"seen", "messages":[{"role":"user","content":"hi"}] }'
    await call(sandbox, "/v1/chat/completions?beta=true", body, {**OPENAI_HEADERS, "X-Odd": "yes"})
    shown = (await get(sandbox, "/sandbox/requests?n=1"))["requests"]
    assert len(shown) == 1
    assert (shown[0]["method"], shown[0]["path"], shown[0]["query"]) == ("POST", "/v1/chat/completions", "beta=true")
    assert base64.b64decode(shown[0]["body_base64"]) == body
    assert shown[0]["body"]["model"] == "seen"
    assert ["x-odd", "yes"] in shown[0]["headers"]
    assert ["authorization", "Bearer secret-key"] in shown[0]["headers"]


async def test_a_body_that_is_no_json_is_shown_too(sandbox: Running) -> None:
    await call(sandbox, "/v1/chat/completions", b"\xff{", OPENAI_HEADERS)
    shown = (await get(sandbox, "/sandbox/requests?n=1"))["requests"][0]
    assert (shown["body"], base64.b64decode(shown["body_base64"])) == (None, b"\xff{")


async def test_attempts_and_forgetting(sandbox: Running) -> None:
    await ask_anthropic(sandbox, {"n": 3}, model="recorded", stream=True)
    record = await attempt(sandbox, "recorded")
    assert record["dialect"] == "anthropic"
    assert (record["tokens"], record["planned_tokens"], record["usage"]["output_tokens"]) == (3, 3, 3)
    assert record["key"] == fingerprint("secret-key")
    await get(sandbox, "/sandbox/requests", method="DELETE")
    assert (await get(sandbox, "/sandbox/requests"))["requests"] == []
    assert (await get(sandbox, "/sandbox/attempts"))["attempts"] == []


async def test_times_counts_per_model_and_script(sandbox: Running) -> None:
    script = {"mode": "500", "times": 2, "n": 1, "seed": 77}
    assert [(await ask_openai(sandbox, script, model="a")).status for _ in range(3)] == [500, 500, 200]
    assert (await ask_openai(sandbox, script, model="b")).status == 500


async def test_counting_tokens_over_http(sandbox: Running) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    raw = await call(sandbox, "/v1/messages/count_tokens", body, ANTHROPIC_HEADERS)
    assert raw.json == {"input_tokens": 6}


async def test_counters() -> None:
    with running() as sandbox:
        await ask_openai(sandbox, {"n": 3})
        await ask_openai(sandbox, {"mode": "500"})
        stats = await get(sandbox, "/sandbox/stats")
    assert (stats["requests"], stats["tokens"], stats["ended"], stats["open"]) == (2, 3, {"complete": 1, "error": 1}, 0)
    assert stats["connections"] == 3
    assert stats["connections_open"] >= 1
    assert stats["bytes_in"] > 200
    assert stats["bytes_out"] > 200


async def test_the_truth_log_has_one_line_for_each_attempt(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    with running(Settings(truth_log=path, log_headers=True)) as sandbox:
        raw = await ask_openai(sandbox, {"n": 3}, stream=True, stream_options={"include_usage": True})
        await ask_openai(sandbox, {"n": 9, "mode": "fin", "die_at": 3}, stream=True)
        await ask_anthropic(sandbox, "hi", max_tokens=None)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["end"], line["tokens"], line["status"]) for line in lines] == [("complete", 3, 200), ("fin", 2, 200), ("error", 0, 400)]
    assert lines[0]["id"] == raw.headers["x-request-id"]
    assert lines[0]["usage"]["completion_tokens"] == 3
    assert "max_tokens" in lines[2]["problem"]
    assert lines[0]["headers"]["host"] == "sandbox"
    assert "secret-key" not in path.read_text()


async def test_old_requests_are_forgotten() -> None:
    with running(Settings(keep=2)) as sandbox:
        for number in range(4):
            await ask_openai(sandbox, f"n{number}")
        shown = (await get(sandbox, "/sandbox/requests"))["requests"]
    assert [row["body"]["messages"][0]["content"] for row in shown] == ["n2", "n3"]


async def test_nothing_is_kept_where_nothing_shall_be() -> None:
    with running(Settings(keep=0)) as sandbox:
        await ask_openai(sandbox, "hi")
        assert (await get(sandbox, "/sandbox/requests"))["requests"] == []
        assert (await get(sandbox, "/sandbox/attempts"))["attempts"] == []


async def test_a_lenient_sandbox_takes_unknown_fields() -> None:
    with running(Settings(lenient=True)) as sandbox:
        assert (await ask_openai(sandbox, "hi", colour="red")).status == 200


async def test_seeds_give_other_words() -> None:
    with running(Settings(seed=1)) as one, running(Settings(seed=2)) as two:
        assert (await ask_openai(one, {"n": 9})).body != (await ask_openai(two, {"n": 9})).body
