"""What the laws cannot say: how requests of other dialects become Converse's."""

import base64
import json
from typing import Any

import pytest
from tests.laws.recorded import profile

from tidegate.dialects.bedrock_converse import DIALECT
from tidegate.dialects.table import DIALECTS
from tidegate.ir.errors import GatewayError

PIXEL = "iVBORw0KGgo="


def converse(client: str, body: dict[str, Any], **capabilities: Any) -> tuple[dict[str, Any], list[str]]:
    """The Converse body, and the receipt as `kind:field`."""
    request = DIALECTS[client].decode_request(json.dumps({"model": "m", "max_tokens": 100, **body}).encode())
    encoded = DIALECT.encode_request(request, profile(**capabilities))
    return json.loads(encoded.body), [f"{loss.kind}:{loss.field}" for loss in encoded.losses]


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": list(messages), **fields}


HELLO = {"role": "user", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def test_a_plain_chat() -> None:
    body, losses = converse(
        "openai_chat",
        chat(
            {"role": "developer", "content": "Be brief."},
            HELLO,
            temperature=0.5,
            top_p=0.9,
            stop=["a", " "],
            metadata={"team": "red"},
            seed=7,
        ),
    )
    assert body == {
        "system": [{"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["a"]},
        "requestMetadata": {"team": "red"},
    }
    assert losses == ["dropped:stop[1]", "dropped:seed"]


def test_turns_of_a_role_are_merged_and_results_come_first() -> None:
    body, losses = converse(
        "openai_chat",
        chat(
            HELLO,
            {"role": "assistant", "content": "", "tool_calls": [CALL, {**CALL, "id": "call.2"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
            {"role": "user", "content": "and?"},
            {"role": "tool", "tool_call_id": "call.2", "content": "two"},
            {"role": "system", "content": "Hurry."},
            tools=[TOOL],
        ),
    )
    assistant, last = body["messages"][1:]
    ids = [block["toolUse"]["toolUseId"] for block in assistant["content"]]
    assert ids[0] == "call_1"
    assert ids[1].startswith("tooluse_")
    assert [next(iter(block)) for block in last["content"]] == ["toolResult", "toolResult", "text", "text"]
    assert [block["toolResult"]["toolUseId"] for block in last["content"][:2]] == ids
    assert last["content"][3] == {"text": "<system>\nHurry.\n</system>"}
    assert "emulated:messages[5]" in losses


def test_tools_of_the_history_are_offered_where_none_are() -> None:
    body, losses = converse(
        "openai_chat", chat(HELLO, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": "x"})
    )
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["f"]
    assert losses == ["emulated:tools"]


@pytest.mark.parametrize(
    ("choice", "found", "told"),
    [
        ("auto", None, ""),
        ("required", {"any": {}}, ""),
        ({"type": "function", "function": {"name": "f"}}, {"tool": {"name": "f"}}, ""),
        ("none", None, "Do not call any tool"),
    ],
)
def test_tool_choices(choice: Any, found: Any, told: str) -> None:
    body, _ = converse("openai_chat", chat(HELLO, tools=[TOOL], tool_choice=choice))
    assert body["toolConfig"].get("toolChoice") == found
    assert told in json.dumps(body.get("system", ""))
    soft, losses = converse("openai_chat", chat(HELLO, tools=[TOOL], tool_choice=choice), forced_tools=False)
    assert "toolChoice" not in soft["toolConfig"]
    assert (losses == ["emulated:tool_choice"]) == (choice != "auto")


def test_a_demand_without_tools_is_refused() -> None:
    with pytest.raises(GatewayError) as refused:
        converse("openai_chat", chat(HELLO, tool_choice="required"))
    assert refused.value.error.param == "tool_choice"


def test_media_within_the_body() -> None:
    text = base64.b64encode(b"a,b").decode()
    body, losses = converse(
        "openai_chat",
        chat(
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PIXEL}", "detail": "low"}},
                    {"type": "file", "file": {"filename": "my_report.v2.csv", "file_data": f"data:text/csv;base64,{text}"}},
                    {"type": "file", "file": {"filename": "my_report.v2.csv", "file_data": f"data:text/csv;base64,{text}"}},
                ],
            }
        ),
    )
    image, first, second, added = body["messages"][0]["content"]
    assert image == {"image": {"format": "jpeg", "source": {"bytes": PIXEL}}}
    assert first["document"] == {"name": "my-report-v2-csv", "format": "csv", "source": {"bytes": text}}
    assert second["document"]["name"] == "my-report-v2-csv (2)"
    assert added == {"text": "See the document."}
    assert "dropped:messages[0].content[0].detail" in losses


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/tiff;base64,{PIXEL}"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
    ],
)
def test_media_that_bedrock_cannot_take_are_refused(part: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as refused:
        converse("openai_chat", chat({"role": "user", "content": [part]}))
    assert refused.value.error.param == "messages[0].content[0]"


def test_cache_marks_are_points_behind_their_block() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    blocks = [{"type": "text", "text": str(number), **mark} for number in range(4)]
    body, losses = converse(
        "anthropic", chat({"role": "user", "content": blocks}, system=[{"type": "text", "text": "s", **mark}]), prompt_cache=True
    )
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["system"] == [{"text": "s"}]
    assert body["messages"][0]["content"] == [entry for number in range(4) for entry in ({"text": str(number)}, point)]
    assert losses == ["dropped:system[0].cache_control"]
    none, dropped = converse("anthropic", chat({"role": "user", "content": blocks[:1]}))
    assert none["messages"][0]["content"] == [{"text": "0"}]
    assert dropped == ["dropped:messages[0].content[0].cache_control"]


def test_a_mark_within_a_result_stands_behind_it() -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "is_error": True,
        "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    }
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
    body, losses = converse(
        "anthropic",
        chat(HELLO, use, {"role": "user", "content": [result]}, tools=[{"name": "f", "input_schema": {"type": "object"}}]),
        prompt_cache=True,
    )
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "x"}], "status": "error"}},
        {"cachePoint": {"type": "default"}},
    ]
    assert losses == ["mapped:messages[2].content[0].content[0].cache_control"]


def test_a_conversation_begins_with_the_user() -> None:
    body, losses = converse("openai_chat", chat({"role": "assistant", "content": "Yes. "}))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant"]
    assert body["messages"][1]["content"] == [{"text": "Yes."}]
    assert losses == ["emulated:messages", "mapped:messages"]


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}


def test_a_schema_is_native_or_said_in_words() -> None:
    body, losses = converse("openai_chat", chat(HELLO, response_format=FORMAT))
    definition = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert definition["name"] == "n"
    assert json.loads(definition["schema"])["additionalProperties"] is False
    assert losses == [
        "emulated:response_format.json_schema.schema.properties.n.minimum",
        "emulated:response_format.json_schema.schema.additionalProperties",
    ]
    words, losses = converse("openai_chat", chat(HELLO, response_format=FORMAT), structured="none")
    assert "JSON Schema" in words["system"][0]["text"]
    assert losses == ["emulated:response_format"]


@pytest.mark.parametrize(
    ("style", "more", "inference"),
    [
        ("none", None, {"maxTokens": 9000, "temperature": 0.5}),
        ("budget", {"thinking": {"type": "enabled", "budget_tokens": 4904}}, {"maxTokens": 9000}),
        ("adaptive", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, {"maxTokens": 9000}),
        ("effort", {"reasoning_effort": "high"}, {"maxTokens": 9000, "temperature": 0.5}),
        ("config", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}, None),
    ],
)
def test_thinking_of_each_family(style: str, more: Any, inference: Any) -> None:
    body, losses = converse("openai_chat", chat(HELLO, max_tokens=9000, temperature=0.5, reasoning_effort="high"), thinking=style)
    assert body.get("additionalModelRequestFields") == more
    assert body.get("inferenceConfig") == inference
    assert any(loss.startswith("dropped") for loss in losses) == (style != "effort")


def test_nova_thinks_less_or_not_at_all() -> None:
    body, losses = converse("openai_chat", chat(HELLO, reasoning_effort="minimal"), thinking="config")
    assert body["additionalModelRequestFields"] == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}
    assert losses == ["mapped:reasoning_effort"]
    body, losses = converse("openai_chat", chat(HELLO, reasoning_effort="none"), thinking="config")
    assert body["additionalModelRequestFields"] == {"reasoningConfig": {"type": "disabled"}}
    assert losses == []


def test_foreign_reasoning_is_not_sent() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "abc"}
    body, losses = converse("anthropic", chat(HELLO, {"role": "assistant", "content": [thinking, {"type": "text", "text": "x"}]}, HELLO))
    assert body["messages"][1]["content"] == [{"text": "x"}]
    assert losses == ["dropped:messages[1].content[0]"]


def test_what_cannot_be_honoured() -> None:
    for field, value in (("n", 2), ("logprobs", True), ("modalities", ["text", "audio"])):
        with pytest.raises(GatewayError) as refused:
            converse("openai_chat", chat(HELLO, **{field: value}))
        assert refused.value.error.param == field


def test_tiers_and_labels() -> None:
    body, losses = converse("openai_chat", chat(HELLO, service_tier="flex", metadata={"ä": "x"}, user="u"))
    assert body["serviceTier"] == {"type": "flex"}
    assert losses == ["dropped:metadata", "dropped:user"]
