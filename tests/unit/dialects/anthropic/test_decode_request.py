"""Requests from the wire: every documented field, what is kept as extras, and what is refused with its path."""

import json
from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import decode

from tidegate.dialects.anthropic import DIALECT
from tidegate.dialects.anthropic.decode_request import read_count
from tidegate.dialects.base import Head
from tidegate.dialects.reading import as_body
from tidegate.ir.content import CacheMark, Native, Text
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.request import Message, OutputFormat, Reasoning
from tidegate.wire.splice import scan


def test_the_plain_fields() -> None:
    request = decode(
        system="be brief",
        temperature=0.5,
        top_p=1,
        top_k=40,
        stop_sequences=["END"],
        stream=True,
        service_tier="auto",
        metadata={"user_id": "u1"},
        cache_control={"type": "ephemeral", "ttl": "1h"},
    )
    assert request.messages == [Message("system", [Text("be brief")]), Message("user", [Text("hi")])]
    assert (request.model, request.max_tokens, request.temperature, request.top_p, request.top_k) == ("m", 8, 0.5, 1, 40)
    assert (request.stop, request.stream, request.service_tier, request.user) == (["END"], True, "auto", "u1")
    assert request.cache == CacheMark("1h")
    assert request.include_usage
    assert request.extras == {}


def test_what_nobody_models_is_kept() -> None:
    request = decode(
        container="c1", mcp_servers=[{"type": "url"}], metadata={"user_id": "u", "team": "x"}, output_config={"task_budget": {"total": 9}}
    )
    assert request.extras == {
        "container": "c1",
        "mcp_servers": [{"type": "url"}],
        "metadata": {"team": "x"},
        "output_config": {"task_budget": {"total": 9}},
    }


def test_system_messages_stand_where_they_were() -> None:
    addition = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "t"}}
    request = decode(messages=[{"role": "user", "content": "a"}, {"role": "system", "content": [addition]}])
    assert request.messages[1] == Message("system", [Native("anthropic", addition)])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Reasoning("enabled", None, 1024)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Reasoning("adaptive", None, None, "summarized")),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, Reasoning("adaptive", "low")),
        ({"thinking": {"type": "disabled"}}, Reasoning("disabled")),
        ({"output_config": {"effort": "max"}}, Reasoning("enabled", "max")),
        ({"thinking": {"type": "adaptive", "x": 1}}, Reasoning("adaptive", extras={"x": 1})),
        ({"thinking": {"type": "between_tools"}}, None),
    ],
)
def test_reasoning(fields: dict[str, Any], expected: Reasoning | None) -> None:
    assert decode(**fields).reasoning == expected


def test_a_thinking_mode_that_is_not_modelled_is_kept() -> None:
    assert decode(thinking={"type": "between_tools", "display": "omitted"}).extras == {
        "thinking": {"type": "between_tools", "display": "omitted"}
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
    ],
)
def test_structured_output_in_both_its_places(fields: dict[str, Any]) -> None:
    request = decode(**fields)
    assert request.output == OutputFormat("json_schema", schema={"type": "object"})
    assert request.extras == {}


def test_unknown_fields_of_a_format_are_kept_beside_those_of_its_config() -> None:
    request = decode(output_config={"format": {"type": "json_schema", "schema": {}, "y": 1}, "x": 2})
    assert request.extras == {"output_config": {"format": {"y": 1}, "x": 2}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "8"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"system": 5}, "system"),
        ({"system": [5]}, "system[0]"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": "u"}, "metadata"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
        ({"thinking": "on"}, "thinking"),
        ({"thinking": {}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": 3}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_format": {"type": "json_schema", "schema": 1}}, "output_format.schema"),
        ({"cache_control": "yes"}, "cache_control"),
        ({"cache_control": {"type": "ephemeral", "ttl": 5}}, "cache_control.ttl"),
    ],
)
def test_wrong_types_are_refused_with_their_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        decode(**fields)
    assert (refused.value.error.kind, refused.value.error.param) == (ErrorKind.BAD_REQUEST, param)
    assert refused.value.error.message.startswith(param)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 5000])
def test_bodies_that_are_no_object(body: bytes) -> None:
    with pytest.raises(GatewayError) as refused:
        DIALECT.decode_request(body)
    assert refused.value.error.kind is ErrorKind.BAD_REQUEST


def test_nulls_are_absent() -> None:
    body = {"model": "m", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}
    optional = (
        "system",
        "tools",
        "tool_choice",
        "temperature",
        "stop_sequences",
        "stream",
        "metadata",
        "thinking",
        "output_config",
        "cache_control",
    )
    assert DIALECT.decode_request(json.dumps(body | dict.fromkeys(optional)).encode()) == decode()


def test_token_counting_needs_no_limit() -> None:
    request = read_count(as_body(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
    assert request.max_tokens is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"m\\u00e9"}', Head("mé", False)),
        (b'{"model":"m","stream":true}', Head("m", True)),
        (b'{"model":"m","stream": null }', Head("m", False)),
    ],
)
def test_head(body: bytes, expected: Head) -> None:
    assert DIALECT.head(scan(body)) == expected


@pytest.mark.parametrize(
    ("body", "param"), [(b"{}", "model"), (b'{"model":1}', "model"), (b'{"model":""}', "model"), (b'{"model":"m","stream":1}', "stream")]
)
def test_head_refuses(body: bytes, param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        DIALECT.head(scan(body))
    assert refused.value.error.param == param
