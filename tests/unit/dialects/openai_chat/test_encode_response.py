import json
from typing import Any

from tests.unit.dialects.openai_chat.samples import decoded

from tidegate.dialects.base import Stamp
from tidegate.dialects.names import shortened
from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir.content import Audio, Base64Source, Block, Citation, Image, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.request import Request
from tidegate.ir.response import Response, Stop
from tidegate.ir.usage import Usage

STAMP = Stamp("stem", 7)
CLAUDE = Origin("anthropic", "anthropic", "claude")


def _encoded(
    *blocks: Block, dialect: str = "anthropic", stop: Stop | None = None, asked: Request | None = None, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    response = Response(dialect=dialect, id="msg_1", model="claude", blocks=list(blocks), stop=stop or Stop("end"), **fields)
    out = DIALECT.encode_response(response, STAMP, asked or decoded())
    return json.loads(out.body), [loss.field for loss in out.losses]


def _message(*blocks: Block, dialect: str = "anthropic") -> dict[str, Any]:
    return _encoded(*blocks, dialect=dialect)[0]["choices"][0]["message"]


def test_an_answer_of_another_dialect() -> None:
    body, losses = _encoded(
        Text("a"), Text("b"), usage=Usage(input=2, cache_read=3, output=4), service_tier="standard", extras={"container": 1}
    )
    assert body == {
        "id": "chatcmpl-stem",
        "object": "chat.completion",
        "created": 7,
        "model": "claude",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "ab", "refusal": None}, "logprobs": None, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 4,
            "total_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "service_tier": "default",
    }
    assert losses == ["container"]


def test_extras_are_of_the_own_dialect() -> None:
    body, _ = _encoded(Text("a"), dialect="openai_chat", extras={"provider": "X", "model": "never"}, created=3)
    assert (body["provider"], body["model"], body["created"]) == ("X", "claude", 3)


def test_calls_get_distinct_ids_and_whole_arguments() -> None:
    body, _ = _encoded(ToolUse("a", "f", '{"x":1}'), ToolUse("a", "f", ""), ToolUse("", "c", "text", "custom"))
    choice = body["choices"][0]
    calls = choice["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["a", "call_stem_1", "call_stem_2"]
    assert [call.get("function", call.get("custom")) for call in calls] == [
        {"name": "f", "arguments": '{"x":1}'},
        {"name": "f", "arguments": "{}"},
        {"name": "c", "input": "text"},
    ]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)


def test_thinking_is_text_and_details() -> None:
    message = _message(Thinking("hm", "sig", None, CLAUDE), Thinking("", None, "xx", CLAUDE), Text("x"))
    origin = {"dialect": "anthropic", "provider": "anthropic", "model": "claude"}
    assert message["reasoning_content"] == "hm"
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "tidegate/v1", "origin": origin, "index": 0},
        {"type": "reasoning.encrypted", "data": "xx", "format": "tidegate/v1", "origin": origin, "index": 1},
    ]


def test_refusals_and_pictures() -> None:
    assert _message(Refusal("no")) == {"role": "assistant", "content": None, "refusal": "no"}
    assert _message(Image(Base64Source("image/png", "AA")))["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    ]
    assert _message()["content"] == ""


def test_citations_stand_where_their_text_stands() -> None:
    cited = Text("cd", [Citation("anthropic", {}, url="https://e", title="E"), Citation("anthropic", {}, title="a page")])
    body, losses = _encoded(Text("ab"), cited, Text("ef"))
    message = body["choices"][0]["message"]
    assert message["content"] == "abcdef"
    assert message["annotations"] == [
        {"type": "url_citation", "url_citation": {"start_index": 2, "end_index": 4, "url": "https://e", "title": "E"}}
    ]
    assert losses == ["content[1].citations"]


def test_native_blocks_only_within_their_dialect() -> None:
    body, losses = _encoded(Text("a"), Native("anthropic", {"type": "server_tool_use"}), Audio("AA", "wav"))
    assert (body["choices"][0]["message"]["content"], losses) == ("a", ["content[1]", "content[2]"])
    part = {"type": "reference", "reference_ids": [1]}
    assert _message(Text("a"), Native("openai_chat", part), dialect="openai_chat")["content"] == [{"type": "text", "text": "a"}, part]
    audio = _message(Audio("AA", "", {"id": "audio_1", "transcript": "t"}), dialect="openai_chat")["audio"]
    assert audio == {"id": "audio_1", "data": "AA", "transcript": "t", "expires_at": 0}


def test_a_free_text_call_comes_back_as_one() -> None:
    asked = decoded(tools=[{"type": "custom", "custom": {"name": "patch"}}, {"type": "function", "function": {"name": "f"}}])
    body, _ = _encoded(ToolUse("i", "patch", '{"input":"*** Begin"}'), ToolUse("j", "f", '{"input":"x"}'), asked=asked)
    assert body["choices"][0]["message"]["tool_calls"] == [
        {"id": "i", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
        {"id": "j", "type": "function", "function": {"name": "f", "arguments": '{"input":"x"}'}},
    ]


def test_clients_of_functions_get_a_function_call() -> None:
    asked = decoded(functions=[{"name": "f"}])
    body, losses = _encoded(Text("a"), ToolUse("i", "f", '{"x":1}'), ToolUse("j", "f", "{}"), asked=asked)
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "function_call": {"name": "f", "arguments": '{"x":1}'},
    }
    assert (body["choices"][0]["finish_reason"], losses) == ("function_call", ["content[2]"])


def test_the_clients_own_tool_names() -> None:
    asked = decoded(tools=[{"type": "function", "function": {"name": "a.b"}}])
    body, _ = _encoded(ToolUse("i", shortened("a.b"), "{}"), asked=asked)
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "a.b"


def test_the_signature_of_a_call_stands_where_it_stood() -> None:
    signed = '{"google":{"thought_signature":"abc"}}'
    message = _message(ToolUse("i", "f", "{}", signature=signed, origin=Origin("openai_chat", "gemini", "g")))
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "abc"}}
    assert "extra_content" not in _message(ToolUse("i", "f", "{}", signature=signed, origin=CLAUDE))["tool_calls"][0]
