"""What the Anthropic side refuses beside the rules of the conversation, by table: (the request's fields, words of the message)."""

from typing import Any

import pytest

from tidegate.sandbox.answer import Attachment
from tidegate.sandbox.anthropic_request import read, read_count
from tidegate.sandbox.values import RequestRefused

HEADERS = {"anthropic-version": "2023-06-01"}
USER = {"role": "user", "content": "hi"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
MARKED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
ENABLED = {"type": "enabled", "budget_tokens": 1024}


def request(**fields: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 2000, "messages": [USER], **fields}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in request().items() if key != name}


def image(**source: Any) -> dict[str, Any]:
    return request(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])


REFUSED: list[tuple[dict[str, Any], str]] = [
    (without("max_tokens"), "max_tokens: Field required"),
    (without("model"), "model: Field required"),
    (without("messages"), "messages: Field required"),
    (request(model=5), "model: Input should be a valid string"),
    (request(max_tokens="9"), "max_tokens: Input should be a valid integer"),
    (request(max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
    (request(max_completion_tokens=9), "max_completion_tokens: Extra inputs are not permitted"),
    (request(system=[{"type": "image"}]), "system.0.type: Input should be 'text'"),
    (request(system=[{"type": "text", "text": ""}]), "system: text content blocks must be non-empty"),
    (request(system=5), "system: Input should be a valid list"),
    (request(temperature=1.5), "temperature: range: 0..1"),
    (request(top_k=-1), "top_k"),
    (request(metadata={"user": "x"}), "metadata.user: Extra inputs are not permitted"),
    (request(service_tier="default"), "service_tier"),
    (request(stop_sequences="x"), "stop_sequences: Input should be a valid list"),
    (request(stop_sequences=[" "]), "each stop sequence must contain non-whitespace"),
    (request(thinking={"type": "on"}), "thinking: Input tag 'on'"),
    (request(thinking={"type": "enabled"}), "thinking.enabled.budget_tokens: Field required"),
    (request(thinking={"type": "enabled", "budget_tokens": 1000}), "greater than or equal to 1024"),
    (request(thinking={"type": "adaptive", "budget_tokens": 2000}), "thinking.adaptive.budget_tokens: Extra inputs"),
    (request(thinking=ENABLED, max_tokens=1024), "`max_tokens` must be greater than `thinking.budget_tokens`"),
    (request(thinking=ENABLED, temperature=0.5), "`temperature` may only be set to 1"),
    (request(thinking=ENABLED, top_k=5), "`top_k` must be unset"),
    (request(thinking=ENABLED, top_p=0.5), "`top_p` must be"),
    (request(thinking=ENABLED, tools=[TOOL], tool_choice={"type": "any"}), "Thinking may not be enabled when tool_choice forces"),
    (request(messages=[{"role": "user", "content": [MARKED] * 5}]), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    (request(tools=[{"name": "a b", "input_schema": {"type": "object"}}]), "tools.0.custom.name: String should match pattern"),
    (request(tools=[TOOL, TOOL]), "Tool names must be unique"),
    (request(tools=[{"name": "f"}]), "tools.0.custom.input_schema: Field required"),
    (request(tools=[{"name": "f", "input_schema": {}}]), "tools.0.custom.input_schema.type: Field required"),
    (request(tools=[{"name": "f", "input_schema": {"type": "array"}}]), "input_schema.type: Input should be 'object'"),
    (request(tools=[{**TOOL, "parameters": {}}]), "tools.0.custom.parameters: Extra inputs"),
    (request(tool_choice={"type": "auto"}), "tool_choice: may only be specified while providing tools"),
    (request(tools=[TOOL], tool_choice={"type": "required"}), "tool_choice: Input tag 'required'"),
    (request(tools=[TOOL], tool_choice={"type": "tool", "name": "g"}), "Tool 'g' not found"),
    (request(output_config={"format": {"type": "json_object"}}), "Input should be 'json_schema'"),
    (request(output_config={"format": {"type": "json_schema"}}), "schema: Field required"),
    (
        request(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}),
        "'additionalProperties' must be explicitly set",
    ),
    (image(type="base64", media_type="image/tiff", data="AAAA"), "media_type: Input should be"),
    (image(type="base64", media_type="image/png", data="@"), "Invalid base64 data"),
    (image(url="https://x"), "Input tag 'None'"),
]


@pytest.mark.parametrize(("body", "words"), REFUSED)
def test_what_is_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        read(body, HEADERS, False)
    assert caught.value.status == 400
    assert words in caught.value.message


def test_the_version_header_is_required() -> None:
    with pytest.raises(RequestRefused, match="anthropic-version: header is required"):
        read(request(), {}, False)


def test_leniency_is_for_what_is_unknown() -> None:
    assert read(request(colour=1), HEADERS, True).model == "claude"


def test_counting_needs_no_limit() -> None:
    assert read_count(without("max_tokens"), HEADERS, False).input_tokens > 0


def test_adaptive_thinking_may_stand_beside_a_forced_tool() -> None:
    assert read(request(thinking={"type": "adaptive"}, tools=[TOOL], tool_choice={"type": "any"}), HEADERS, False).forced == "*"


def test_only_thinking_with_a_budget_must_come_back_in_a_tool_loop() -> None:
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": TOOL["name"], "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "y"}]},
    ]
    assert read(request(messages=history, tools=[TOOL], thinking={"type": "adaptive"}), HEADERS, False).tool_results
    with pytest.raises(RequestRefused, match="Expected `thinking`"):
        read(request(messages=history, tools=[TOOL], thinking={"type": "enabled", "budget_tokens": 1024}), HEADERS, False)


def test_what_a_turn_holds() -> None:
    content = [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ünï"}},
        {"type": "document", "source": {"type": "file", "file_id": "f1"}},
    ]
    turn = read(
        request(messages=[{"role": "user", "content": content}], stop_sequences=["x"], thinking={"type": "adaptive"}), HEADERS, False
    )
    assert turn.text == "see"
    assert turn.attachments == [
        Attachment("image/png", 3),
        Attachment("image", url="https://x/y"),
        Attachment("application/pdf", 4),
        Attachment("text/plain", 5),
        Attachment("document", url="f1"),
    ]
    assert (turn.max_tokens, turn.stops, turn.thinking) == (2000, ["x"], True)


@pytest.mark.parametrize(
    ("choice", "forced", "allowed"),
    [
        ({"type": "auto"}, None, True),
        ({"type": "any"}, "*", True),
        ({"type": "tool", "name": "f"}, "f", True),
        ({"type": "none"}, None, False),
    ],
)
def test_tool_choices(choice: Any, forced: str | None, allowed: bool) -> None:
    turn = read(request(tools=[TOOL], tool_choice=choice), HEADERS, False)
    assert (turn.forced, turn.tools_allowed) == (forced, allowed)


@pytest.mark.parametrize(
    "fields",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}}},
        {"output_format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}},
    ],
)
def test_structured_output(fields: dict[str, Any]) -> None:
    turn = read(request(**fields), HEADERS, False)
    assert (turn.structured, turn.schema) == (True, {"type": "object", "additionalProperties": False})
