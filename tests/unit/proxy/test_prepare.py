import json

import msgspec
import pytest
from tests.unit.policy.values import key, snapshot, spec, upstream
from tests.unit.proxy.values import JSON, KEY, WHOLE, Given, Memory

from tidegate.policy.route import Planner

IN_URL = {
    "paths": {"generate": "/models/{model}:ask", "stream": "/models/{model}:askInPieces?alt=sse"},
    "in_url": ("model", "stream"),
}


def memory(dialect: str) -> Memory:
    made = Memory(Given(WHOLE, headers=JSON))
    row = msgspec.structs.replace(upstream("openai"), name="cloud", spec=spec("cloud", dialect, **IN_URL))
    made.app.live.current = Planner(snapshot(row, keys=(key("tests", token=KEY),)))
    return made


@pytest.mark.parametrize("stream", [False, True])
async def test_what_stands_in_the_url_leaves_the_body(*, stream: bool) -> None:
    made = memory("openai_chat")
    await made.chat("cloud/big/one:2", stream=stream)
    sent = made.provider.sent[0]
    assert sent.url.endswith("/models/big%2Fone%3A2:askInPieces?alt=sse" if stream else "/models/big%2Fone%3A2:ask")
    assert not {"model", "stream"} & json.loads(sent.body).keys()


async def test_a_translated_body_leaves_it_out_too() -> None:
    made = memory("anthropic")
    await made.chat("cloud/big")
    sent = made.provider.sent[0]
    assert sent.url.endswith("/models/big:ask")
    assert not {"model", "stream"} & json.loads(sent.body).keys()
    assert json.loads(sent.body)["messages"]
