import json
from typing import Any

import pytest
from tests.unit.proxy.test_named import message
from tests.unit.proxy.test_responses import SAYS, SSE, ask, openai, speaking
from tests.unit.proxy.values import GPT, Given, Got, Memory

TOOLS = [{"type": "code_execution_20250825", "name": "code_execution"}]
RESULT = {
    "type": "bash_code_execution_tool_result",
    "tool_use_id": "t",
    "content": {"type": "bash_code_execution_result", "content": [{"type": "bash_code_execution_output", "file_id": "file_made"}]},
}
WHOLE = {**SAYS, "content": [RESULT, *SAYS["content"]], "container": {"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"}}


def streamed() -> Given:
    events: list[Any] = [
        {"type": "message_start", "message": {**SAYS, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": RESULT},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": WHOLE["container"]}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return Given(*(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events), headers=SSE)


async def again(memory: Memory) -> list[Got]:
    memory.provider.given += [Given(json.dumps(SAYS).encode()) for _ in range(2)]
    return [await memory.message(container="container_1"), await message(memory, "file_made")]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_turn_may_name_what_an_answer_gave(stream: bool) -> None:
    memory = Memory(streamed() if stream else Given(json.dumps(WHOLE).encode()))
    assert (await memory.message(tools=TOOLS, stream=stream)).status == 200
    assert [got.status for got in await again(memory)] == [200, 200]
    assert b'"container_1"' in memory.provider.sent[1].body
    await memory.app.conversations.parts("default", "any")
    assert {(row.kind, row.upstream) for row in memory.kept.rows.values()} == {("container", "anthropic"), ("file", "anthropic")}


async def test_what_a_model_says_to_a_clients_tool_is_not_believed() -> None:
    use = {"type": "tool_use", "id": "t", "name": "x", "input": {"file_id": "file_made", "container": {"id": "container_1"}}}
    memory = Memory(Given(json.dumps({**SAYS, "content": [use]}).encode()))
    assert (await memory.message(tools=TOOLS)).status == 200
    assert [got.status for got in await again(memory)] == [404, 404]


async def test_without_such_tools_nothing_is_looked_at() -> None:
    memory = Memory(Given(json.dumps(WHOLE).encode()))
    assert (await memory.message()).status == 200
    assert [got.status for got in await again(memory)] == [404, 404]


async def test_the_container_of_a_code_interpreter() -> None:
    call = {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1", "code": "1", "status": "completed"}
    memory = speaking(openai(output=[call]), openai(id="resp_up2"))
    first: Any = [{"type": "code_interpreter", "container": {"type": "auto"}}]
    assert (await ask(memory, GPT, tools=first)).status == 200
    named: Any = [{"type": "code_interpreter", "container": "cntr_1"}]
    assert (await ask(memory, GPT, tools=named)).status == 200
    assert (await ask(memory, GPT, tools=[{"type": "code_interpreter", "container": "cntr_2"}])).status == 404
