import json
from typing import Any

import pytest
from tests.unit.dialects.openai_responses.making import encode, foreign, lost, message

from tidegate.dialects.names import shortened
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import (
    Base64Source,
    CacheMark,
    Document,
    FileSource,
    Image,
    Native,
    Origin,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.request import NativeTool, OutputFormat, Reasoning, Tool, ToolChoice, WebSearch

F = Tool("f", schema={"type": "object"})


def test_a_turn_becomes_items_in_order() -> None:
    origin = Origin("openai_responses", "p", "target")
    body, losses = encode(
        foreign(
            message("system", "be brief"),
            message("user", "hi"),
            message("assistant", Thinking("hm", '{"id":"rs_1","encrypted_content":"x"}', origin=origin), "so", ToolUse("c", "f", "")),
            message("user", ToolResult("c", [Text("r"), Text("s")], True), "and?"),
            tools=[F],
        )
    )
    assert body["instructions"] == "be brief"
    assert body["input"] == [
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": "so"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "Error:\nr\ns"},
        {"type": "message", "role": "user", "content": "and?"},
    ]
    assert body["store"] is False
    assert body["tools"] == [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    assert lost(losses) == [("emulated", "messages[2].content[0].is_error")]


def test_reasoning_of_others_stays_away() -> None:
    body, losses = encode(foreign(message("user", "hi"), message("assistant", Thinking("hm", "sig", origin=Origin("anthropic")), "so")))
    assert [item["type"] for item in body["input"]] == ["message", "message"]
    assert lost(losses) == [("dropped", "messages[1].content[0]")]


def test_images_and_files() -> None:
    body, losses = encode(
        foreign(
            message(
                "user",
                Image(Base64Source("image/png", "AA=="), "low"),
                Document(Base64Source("application/pdf", "JVBERi0="), cache=CacheMark()),
                Document(UrlSource("https://example.org/a.pdf"), "a.pdf"),
                Document(TextSource("body"), 'a"b'),
                Native("anthropic", {"type": "container_upload"}),
            )
        )
    )
    assert body["input"][0]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "document.pdf"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf", "filename": "a.pdf"},
        {"type": "input_text", "text": '<document title="a&quot;b">\nbody\n</document>'},
    ]
    assert lost(losses) == [
        ("dropped", "messages[0].content[1].cache_control"),
        ("emulated", "messages[0].content[3].source"),
        ("dropped", "messages[0].content[4]"),
    ]


@pytest.mark.parametrize(
    ("block", "capabilities"),
    [
        (Image(UrlSource("https://example.org/a.png")), {"vision": False}),
        (Document(Base64Source("application/pdf", "")), {"documents": False}),
        (Image(FileSource("f")), {}),
        (Document(FileSource("f")), {}),
    ],
)
def test_content_that_the_model_does_not_take_is_refused(block: Any, capabilities: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as refused:
        encode(foreign(message("user", block)), **capabilities)
    assert refused.value.error.kind is ErrorKind.UNSUPPORTED
    assert (refused.value.error.param or "").startswith("messages[0].content[0]")


def test_hints_and_limits() -> None:
    body, losses = encode(
        foreign(max_tokens=4, temperature=0.5, stop=["x"], top_k=3, seed=1, user="u" * 65, service_tier="standard_only"),
        max_output=8192,
    )
    assert (body["max_output_tokens"], body["temperature"], body["service_tier"]) == (16, 0.5, "default")
    assert len(body["safety_identifier"]) == 64
    assert lost(losses) == [
        ("mapped", "max_tokens"),
        ("dropped", "stop_sequences"),
        ("dropped", "seed"),
        ("dropped", "top_k"),
        ("mapped", "metadata.user_id"),
        ("mapped", "service_tier"),
    ]


@pytest.mark.parametrize("fields", [{"n": 2}, {"logprobs": True}, {"top_logprobs": 3}])
def test_what_cannot_be_honoured_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as refused:
        encode(foreign(dialect="openai_chat", **fields))
    assert refused.value.error.param == next(iter(fields))


def test_reasoning_is_asked_for_and_comes_back_signed() -> None:
    body, losses = encode(foreign(reasoning=Reasoning("enabled", budget=2048, display="summarized")), thinking="effort")
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["include"] == ["reasoning.encrypted_content"]
    assert lost(losses) == [("mapped", "thinking.budget_tokens")]
    assert "include" not in encode(foreign())[0]


def test_tools_and_choices() -> None:
    body, losses = encode(
        foreign(
            tools=[
                Tool("f.g"),
                Tool("c", kind="custom", format={"type": "grammar", "grammar": {"syntax": "regex", "definition": "x"}}),
                WebSearch(allowed_domains=["a.org"], max_uses=3),
                NativeTool("anthropic", {"type": "bash_20250124"}),
            ],
            tool_choice=ToolChoice("allowed", ("f.g", "c"), True),
            parallel_tool_calls=False,
        ),
        web_search=True,
    )
    name = shortened("f.g")
    assert body["tools"] == [
        {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "regex", "definition": "x"}},
        {"type": "web_search", "filters": {"allowed_domains": ["a.org"]}},
    ]
    assert body["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": name}, {"type": "custom", "name": "c"}],
    }
    assert body["parallel_tool_calls"] is False
    assert lost(losses) == [("mapped", "tools[0].name"), ("dropped", "tools[2].max_uses"), ("dropped", "tools[3]")]


def test_a_demand_that_the_model_refuses_is_said_in_words() -> None:
    body, losses = encode(foreign(tools=[F], tool_choice=ToolChoice("tool", ("f",))), forced_tools=False)
    assert (body["tool_choice"], body["instructions"]) == ("auto", "Call the tool `f` in this turn.")
    assert lost(losses) == [("emulated", "tool_choice")]


@pytest.mark.parametrize(("style", "native"), [("native", True), ("none", False)])
def test_structured_output(style: str, native: bool) -> None:
    body, losses = encode(foreign(output=OutputFormat("json_schema", schema={"type": "object"})), structured=style)
    if native:
        assert body["text"]["format"] == {"type": "json_schema", "name": "response", "schema": {"type": "object"}, "strict": False}
    else:
        assert '{"type":"object"}' in body["instructions"]
        assert lost(losses) == [("emulated", "output_config.format")]


def test_names_and_fields_of_others_are_on_the_receipt() -> None:
    request = foreign(message("user", Text("hi", extras={"x": 1})), extras={"container": {}})
    request.messages[0].name = "Ada"
    _, losses = encode(request)
    assert {loss.field for loss in losses} == {"messages[0].content[0].x", "messages[0].name", "container"}


def test_instructions_alone_are_the_input() -> None:
    body, losses = encode(foreign(message("system", "You are a potato.")))
    assert (body["input"], body.get("instructions")) == ([{"type": "message", "role": "developer", "content": "You are a potato."}], None)
    assert losses == []


def test_a_picture_in_an_answer_is_shown_as_a_users_message() -> None:
    picture = Image(Base64Source("image/png", "AA=="))
    body, losses = encode(foreign(message("user", "draw"), message("assistant", "here", picture, "done")), vision=True)
    assert [(item["role"], item["content"]) for item in body["input"][1:]] == [
        ("assistant", "here"),
        ("user", [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]),
        ("assistant", "done"),
    ]
    assert lost(losses) == [("emulated", "messages[1].content[1]")]


def test_what_chat_has_beside_a_place_or_a_grammar_is_on_the_receipt() -> None:
    asked = {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}, "x": 1}}
    form = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a"}, "y": 1}
    chat = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "web_search_options": asked,
        "tools": [{"type": "custom", "custom": {"name": "c", "format": form}}],
    }
    _, losses = encode(DIALECTS["openai_chat"].decode_request(json.dumps(chat).encode()), web_search=True)
    assert [field for _, field in lost(losses)] == ["tools[0].custom.format.y", "web_search_options.user_location"]
