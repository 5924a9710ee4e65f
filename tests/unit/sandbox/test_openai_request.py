"""What the OpenAI side refuses, by table: (the request's fields, the refused parameter, a word of the message)."""

from typing import Any

import pytest

from tidegate.sandbox.answer import Attachment
from tidegate.sandbox.openai_request import read
from tidegate.sandbox.values import RequestRefused

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "42"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def request(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [USER], **fields}


def messages(*items: Any) -> dict[str, Any]:
    return request(messages=list(items))


def schema_format(schema: Any, strict: bool = True) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "out", "schema": schema, "strict": strict}}


REFUSED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"messages": [USER]}, None, "you must provide a model"),
    ({"model": "m"}, "messages", "Missing required parameter"),
    (request(messages=[]), "messages", "empty array"),
    (request(messages="hi"), "messages", "expected an array of objects, but got a string"),
    (request(max_token=5), "max_token", "Unknown parameter: 'max_token'."),
    (messages({"content": "x"}), "messages[0].role", "Missing required"),
    (messages({"role": "robot", "content": "x"}), "messages[0].role", "Invalid value: 'robot'"),
    (messages({**USER, "cache_control": {}}), "messages[0].cache_control", "Unknown parameter"),
    (messages({"role": "user", "content": None}), "messages[0].content", "got null"),
    (messages({"role": "assistant", "content": None}), "messages[0].content", "got null"),
    (messages({"role": "user", "content": []}), "messages[0].content", "empty array"),
    (messages({"role": "user", "content": 5}), "messages[0].content", "one of a string or array"),
    (messages({"role": "user", "content": [{"type": "tool_use"}]}), "messages[0].content[0].type", "Invalid value: 'tool_use'"),
    (messages({"role": "tool", "tool_call_id": "x", "content": [{"type": "image_url"}]}), "messages[0].content[0].type", "'text'"),
    (messages({"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}), "messages[0].content[0].x", "Unknown parameter"),
    (messages({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text", "a string"),
    (messages({"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}), "messages[0].content[0].image_url", "an object"),
    (
        messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}),
        "messages[0].content[0].image_url.url",
        "data URL",
    ),
    (
        messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}]}),
        "messages[0].content[0].image_url.url",
        "base64",
    ),
    (messages(USER, RESULT), "messages.[1].role", "must be a response to a preceeding message"),
    (messages(USER, CALLED, USER), "messages.[1].role", "did not have response messages: c1"),
    (messages(USER, CALLED), "messages.[1].role", "did not have response messages: c1"),
    (messages(USER, CALLED, {**RESULT, "tool_call_id": "c2"}), "messages.[2].role", "must be a response"),
    (messages(USER, CALLED, {"role": "tool", "content": "x"}), "messages[2].tool_call_id", "Missing required"),
    (messages(USER, {**CALLED, "tool_calls": []}), "messages[1].tool_calls", "empty array"),
    (messages(USER, {**CALLED, "tool_calls": {}}), "messages[1].tool_calls", "array of objects"),
    (messages(USER, {**CALLED, "tool_calls": [{**CALL, "id": None}]}), "messages[1].tool_calls[0].id", "Missing"),
    (messages(USER, {**CALLED, "tool_calls": [{**CALL, "type": None}]}), "messages[1].tool_calls[0].type", "Missing"),
    (
        messages(USER, {**CALLED, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}),
        "messages[1].tool_calls[0].function.arguments",
        "expected a string, but got an object",
    ),
    (
        messages(USER, {**CALLED, "tool_calls": [{**CALL, "function": {"name": "f f", "arguments": ""}}]}),
        "messages[1].tool_calls[0].function.name",
        "pattern",
    ),
    (request(temperature=3), "temperature", "above maximum"),
    (request(presence_penalty=-3), "presence_penalty", "below minimum"),
    (request(top_p="1"), "top_p", "a decimal"),
    (request(max_tokens=0), "max_tokens", ">= 1"),
    (request(max_tokens=1.5), "max_tokens", "an integer"),
    (request(max_tokens=1, max_completion_tokens=1), "max_tokens", "at the same time"),
    (request(model="gpt-5-mini", max_tokens=1), "max_tokens", "Use 'max_completion_tokens'"),
    (request(stream_options={"include_usage": True}), "stream_options", "only allowed when 'stream'"),
    (request(tool_choice="auto"), "tool_choice", "only allowed when 'tools'"),
    (request(parallel_tool_calls=True), "parallel_tool_calls", "only allowed when 'tools'"),
    (request(top_logprobs=2), "top_logprobs", "'logprobs' must be set"),
    (request(n=5), "n", "1 to 4"),
    (request(n=True), "n", "an integer"),
    (request(stop=["a", "b", "c", "d", "e"]), "stop", "array too long"),
    (request(tools=[]), "tools", "empty array"),
    (request(tools={}), "tools", "array of objects"),
    (request(tools=[{"type": "web"}]), "tools[0].type", "'function' and 'custom'"),
    (request(tools=[{**TOOL, "cache_control": {}}]), "tools[0].cache_control", "Unknown parameter"),
    (request(tools=[{"type": "function", "function": {"name": "a b"}}]), "tools[0].function.name", "pattern"),
    (
        request(tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]),
        "tools[0].function.parameters",
        "got 'type: \"array\"'",
    ),
    (
        request(tools=[{"type": "function", "function": {"name": "f", "strict": True, "parameters": OPEN_SCHEMA}}]),
        "tools[0].function.parameters",
        "'additionalProperties' is required",
    ),
    (request(tools=[TOOL], tool_choice="any"), "tool_choice", "'none', 'auto', and 'required'"),
    (request(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "g"}}), "tool_choice", "'g' not found"),
    (request(response_format="json"), "response_format", "an object"),
    (request(response_format={"type": "xml"}), "response_format.type", "'json_object'"),
    (request(response_format={"type": "json_object"}), "messages", "the word 'json'"),
    (request(response_format={"type": "json_schema", "json_schema": {}}), "response_format.json_schema.name", "Missing"),
    (request(response_format=schema_format(OPEN_SCHEMA)), "response_format", "'additionalProperties' is required"),
    (
        request(response_format=schema_format({**OPEN_SCHEMA, "additionalProperties": False, "required": []})),
        "response_format",
        "Missing 'a'",
    ),
    (
        request(
            response_format=schema_format(
                {
                    "type": "object",
                    "properties": {"a": {"type": "array", "items": OPEN_SCHEMA}},
                    "required": ["a"],
                    "additionalProperties": False,
                }
            )
        ),
        "response_format",
        "context=('properties', 'a', 'items')",
    ),
]


@pytest.mark.parametrize(("body", "param", "words"), REFUSED)
def test_what_is_refused(body: dict[str, Any], param: str | None, words: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        read(body, {}, False)
    assert caught.value.status == 400
    assert caught.value.param == param
    assert words in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        request(colour="red"),
        messages({**USER, "cache_control": {}}),
        messages({"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}),
        request(tools=[{**TOOL, "cache_control": {}}]),
        request(response_format={"type": "json_object"}),
    ],
)
def test_leniency_is_for_what_is_unknown(body: dict[str, Any]) -> None:
    assert read(body, {}, True).model == "gpt-4o"
    with pytest.raises(RequestRefused):
        read(body, {}, False)


def test_what_a_turn_holds() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    pdf = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}
    content = [
        {"type": "text", "text": "see"},
        image,
        {"type": "image_url", "image_url": {"url": "https://x/y"}},
        pdf,
        {"type": "file", "file": {"file_id": "f1"}},
    ]
    body = messages({"role": "system", "content": "be nice"}, {"role": "user", "content": content})
    turn = read({**body, "max_completion_tokens": 9, "stop": "x", "n": 2, "reasoning_effort": "low", "logprobs": True}, {}, False)
    assert turn.text == "see"
    assert turn.attachments == [
        Attachment("image/png", 70),
        Attachment("image", url="https://x/y"),
        Attachment("application/pdf", 4),
        Attachment("file", url="f1"),
    ]
    assert (turn.max_tokens, turn.stops, turn.choices, turn.thinking, turn.logprobs) == (9, ["x"], 2, True, True)


@pytest.mark.parametrize(
    ("choice", "forced", "allowed", "offered"),
    [
        ("auto", None, True, ["f", "g"]),
        ("none", None, False, ["f", "g"]),
        ("required", "*", True, ["f", "g"]),
        ({"type": "function", "function": {"name": "g"}}, "g", True, ["f", "g"]),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}},
            "*",
            True,
            ["g"],
        ),
    ],
)
def test_tool_choices(choice: Any, forced: str | None, allowed: bool, offered: list[str]) -> None:
    other = {"type": "function", "function": {"name": "g"}}
    turn = read(request(tools=[TOOL, other], tool_choice=choice), {}, False)
    assert (turn.forced, turn.tools_allowed, [tool.name for tool in turn.tools]) == (forced, allowed, offered)


def test_tool_results_belong_to_the_last_turn_only() -> None:
    assert read(messages(USER, CALLED, RESULT), {}, False).tool_results == ["42"]
    later = read(messages(USER, CALLED, RESULT, {"role": "assistant", "content": "done"}, {"role": "user", "content": "more"}), {}, False)
    assert (later.tool_results, later.text) == ([], "more")
