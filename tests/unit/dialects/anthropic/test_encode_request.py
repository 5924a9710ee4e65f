"""Requests to the wire: those of this dialect as they were, those of others as near as Anthropic comes, and the receipt."""

from typing import Any

import msgspec
import pytest
from tests.unit.dialects.anthropic.making import decode, encode, foreign, lost, message

from tidegate.ir.content import CacheMark, Text
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.request import Message, OutputFormat, Request, Tool

CLOSED: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_a_plain_request_of_another_dialect() -> None:
    body, losses = encode(foreign(message("system", "be brief"), message("user", "hi"), max_tokens=9, temperature=0.5, stream=True))
    assert body == {
        "model": "target",
        "max_tokens": 9,
        "system": "be brief",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "stream": True,
    }
    assert losses == []


def test_the_limit_that_anthropic_wants() -> None:
    body, losses = encode(foreign())
    assert body["max_tokens"] == 4096
    assert lost(losses) == {("mapped", "max_tokens")}
    assert encode(foreign(), max_output=64000)[0]["max_tokens"] == 64000
    body, losses = encode(foreign(max_tokens=100_000), max_output=64000)
    assert body["max_tokens"] == 64000
    assert lost(losses) == {("mapped", "max_tokens")}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"extras": {"modalities": ["text", "audio"]}}, "modalities"),
    ],
)
def test_what_cannot_be_honoured_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(GatewayError) as refused:
        encode(foreign(**fields))
    assert (refused.value.error.kind, refused.value.error.param) == (ErrorKind.UNSUPPORTED, field)


def test_hints_are_dropped_by_name() -> None:
    hints: dict[str, Any] = {
        "seed": 1,
        "logit_bias": {"5": 1},
        "presence_penalty": 0.5,
        "frequency_penalty": 0.0,
        "verbosity": "low",
        "metadata": {"a": "b"},
    }
    body, losses = encode(foreign(max_tokens=9, n=1, logprobs=False, **hints, extras={"prediction": {}, "store": None}))
    assert lost(losses) == {("dropped", name) for name in (*hints, "prediction")}
    assert body.keys() == {"model", "max_tokens", "messages"}


def test_the_user_is_a_user() -> None:
    assert encode(foreign(user="u1"))[0]["metadata"] == {"user_id": "u1"}
    body, losses = encode(foreign(max_tokens=1, user="u" * 300))
    assert len(body["metadata"]["user_id"]) == 64
    assert lost(losses) == {("mapped", "user")}


@pytest.mark.parametrize(
    ("tier", "told", "kind"), [("auto", "auto", None), ("default", "standard_only", "mapped"), ("flex", None, "dropped")]
)
def test_service_tiers(tier: str, told: str | None, kind: str | None) -> None:
    body, losses = encode(foreign(max_tokens=1, service_tier=tier))
    assert body.get("service_tier") == told
    assert lost(losses) == ({(kind, "service_tier")} if kind else set())


def test_blank_stop_sequences_are_dropped() -> None:
    body, losses = encode(foreign(max_tokens=1, stop=["END", "\n", ""]))
    assert body["stop_sequences"] == ["END"]
    assert lost(losses) == {("dropped", "stop[1]"), ("dropped", "stop[2]")}


def test_a_schema_has_a_native_form() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    body, losses = encode(foreign(max_tokens=1, output=OutputFormat("json_schema", "x", "what it is", schema, True)))
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}},
            "required": ["n"],
            "additionalProperties": False,
            "description": "what it is",
        },
    }
    where = "response_format.json_schema.schema"
    assert lost(losses) == {("emulated", f"{where}.properties.n.minimum"), ("emulated", f"{where}.additionalProperties")}
    assert "system" not in body


@pytest.mark.parametrize(
    ("output", "capabilities", "told"),
    [
        (OutputFormat("json_object"), {}, "one JSON object"),
        (OutputFormat("json_schema", "x", "the thing", CLOSED), {"structured": "none"}, '"additionalProperties":false'),
        (
            OutputFormat("json_schema", "x", None, {"type": "object", "additionalProperties": {"type": "string"}}),
            {},
            '"additionalProperties":{',
        ),
        (OutputFormat("json_schema", "x", None, {"type": "array", "items": {"type": "string"}}), {}, '"type":"array"'),
        (OutputFormat("json_schema", "x"), {}, "one JSON object"),
    ],
)
def test_other_structured_output_is_asked_for_and_said_so(output: OutputFormat, capabilities: dict[str, Any], told: str) -> None:
    request = foreign(message("system", "be brief"), message("user", "hi"), max_tokens=1, output=output)
    body, losses = encode(request, **capabilities)
    assert body["system"][0] == {"type": "text", "text": "be brief"}
    assert told in body["system"][1]["text"]
    assert "output_config" not in body
    assert lost(losses) == {("emulated", "response_format")}


def test_only_the_last_four_cache_marks_are_kept() -> None:
    request = foreign(
        Message("system", [Text("s", cache=CacheMark("1h"))]),
        Message("user", [Text(str(n), cache=CacheMark()) for n in range(4)]),
        max_tokens=1,
        tools=[Tool("t", cache=CacheMark())],
    )
    body, losses = encode(request)
    assert [("cache_control" in block) for block in body["messages"][0]["content"]] == [True] * 4
    assert body["system"] == [{"type": "text", "text": "s"}]
    assert "cache_control" not in body["tools"][0]
    assert lost(losses) == {("dropped", "tools[0].cache_control"), ("dropped", "messages[0].content[0].cache_control")}


def test_a_mark_on_the_whole_prompt_is_kept() -> None:
    assert encode(foreign(cache=CacheMark("1h")))[0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


@pytest.mark.parametrize(
    "fields",
    [
        {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h", "x": 1}}]},
        {"thinking": {"type": "adaptive", "display": "omitted", "x": 1}, "output_config": {"effort": "xhigh"}},
        {"thinking": {"type": "enabled", "budget_tokens": 99999}, "temperature": 0, "top_p": 0.1, "top_k": 3},
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "between_tools"}},
        {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"minimum": 1}, "y": 2}, "z": 3}},
        {"metadata": {"user_id": "u" * 400, "x": 1}, "service_tier": "whatever"},
        {"tool_choice": {"type": "any", "disable_parallel_tool_use": False, "x": 1}, "tools": [{"name": "t", "input_schema": {}, "x": 1}]},
        {"stop_sequences": [" "], "max_tokens": 0, "betas": ["x"], "speed": "fast"},
        {"messages": [{"role": "assistant", "content": " x "}, {"role": "assistant", "content": [], "x": 1}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "", "x": {"y": 1}}]}]},
    ],
)
def test_a_request_of_this_dialect_is_as_it_was(fields: dict[str, Any]) -> None:
    body, losses = encode(decode(**fields), max_output=10, sampling=False, vision=False)
    expected = {"model": "target", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}], **fields}
    assert body == expected
    assert losses == []


def test_the_request_itself_is_never_changed() -> None:
    request = foreign(
        Message("user", [Text("a ", cache=CacheMark())]), message("assistant", "b "), tools=[Tool("t", schema={"type": "object"})]
    )
    before = msgspec.json.encode(request)
    encode(request)
    assert msgspec.json.encode(request) == before


def test_token_counting_requests_have_no_limit() -> None:
    body, _ = encode(Request(dialect="anthropic", model="m", messages=[message("user", "hi")]))
    assert "max_tokens" not in body
