import json
from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded

from tidegate.dialects.openai_chat import DIALECT
from tidegate.dialects.openai_chat.decode_request import head
from tidegate.ir.content import CacheMark
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.request import OutputFormat, Reasoning
from tidegate.wire.splice import scan


def test_head_reads_model_and_stream() -> None:
    found = head(scan(b'{"messages":[],"stream":true,"model":"a\\/b"}'))
    assert (found.model, found.stream) == ("a/b", True)
    assert head(scan(b'{"model":"m","stream":null}')).stream is False


@pytest.mark.parametrize(
    ("body", "param"), [(b"{}", "model"), (b'{"model":1}', "model"), (b'{"model":""}', "model"), (b'{"model":"m","stream":1}', "stream")]
)
def test_head_names_what_is_wrong(body: bytes, param: str) -> None:
    with pytest.raises(GatewayError) as raised:
        head(scan(body))
    assert raised.value.error.param == param


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"model":"m","messages":[],"x":"\\ud800"}'])
def test_a_body_that_is_no_request_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(GatewayError) as raised:
        DIALECT.decode_request(body)
    assert raised.value.error.kind is ErrorKind.BAD_REQUEST


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content[0].image_url.url"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "messages[0].tool_calls[0].function.name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"type": "x"}]}]}, "messages[0].tool_calls[0].type"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": True}, "n"),
        ({"stop": [1]}, "stop"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as raised:
        decoded(**fields)
    assert (raised.value.error.kind, raised.value.error.param) == (ErrorKind.BAD_REQUEST, param)


def test_every_documented_parameter_has_its_place() -> None:
    request = decoded(
        temperature=0,
        top_p=0.5,
        top_k=3,
        presence_penalty=1,
        frequency_penalty=-1,
        n=2,
        seed=7,
        logprobs=True,
        top_logprobs=3,
        logit_bias={"1": -100},
        max_completion_tokens=9,
        stop="END",
        user="u",
        metadata={"k": "v"},
        service_tier="flex",
        verbosity="low",
        parallel_tool_calls=False,
        stream=True,
        stream_options={"include_usage": True},
        cache_control={"type": "ephemeral"},
        store=True,
    )
    assert (request.temperature, request.top_p, request.top_k, request.presence_penalty, request.frequency_penalty) == (0, 0.5, 3, 1, -1)
    assert (request.n, request.seed, request.logprobs, request.top_logprobs, request.logit_bias) == (2, 7, True, 3, {"1": -100})
    assert (request.max_tokens, request.stop, request.user, request.metadata) == (9, ["END"], "u", {"k": "v"})
    assert (request.service_tier, request.verbosity, request.parallel_tool_calls) == ("flex", "low", False)
    assert (request.stream, request.include_usage, request.cache, request.extras) == (True, True, CacheMark(), {"store": True})


def test_nulls_are_absent() -> None:
    assert decoded(temperature=None, tools=None, stop=None, stream=None, response_format=None, reasoning_effort=None) == decoded()


def test_the_newer_of_two_limits_wins_and_the_older_is_kept() -> None:
    request = decoded(max_tokens=1, max_completion_tokens=2)
    assert (request.max_tokens, request.extras) == (2, {"max_tokens": 1})
    assert decoded(max_completion_tokens=None, max_tokens=1).max_tokens == 1
    assert decoded(max_completion_tokens=2, max_tokens=1).max_tokens == 2


def test_a_safety_identifier_is_the_user_unless_there_is_one() -> None:
    assert decoded(safety_identifier="s").user == "s"
    both = decoded(safety_identifier="s", user="u")
    assert (both.user, both.extras) == ("u", {"safety_identifier": "s"})


@pytest.mark.parametrize(
    ("given", "output", "extras"),
    [
        ({"type": "text"}, None, {}),
        ({"type": "json_object"}, OutputFormat("json_object"), {}),
        ({"type": "grammar", "grammar": "g"}, None, {"response_format": {"type": "grammar", "grammar": "g"}}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True, "x": 1}},
            OutputFormat("json_schema", "n", None, {"type": "object"}, True),
            {"response_format": {"json_schema": {"x": 1}}},
        ),
    ],
)
def test_output_formats(given: dict[str, Any], output: OutputFormat | None, extras: dict[str, Any]) -> None:
    request = decoded(response_format=given)
    assert (request.output, request.extras) == (output, extras)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"reasoning_effort": "high"}, Reasoning("enabled", "high")),
        ({"reasoning_effort": "none"}, Reasoning("disabled", "none")),
        ({"reasoning": {"effort": "low"}}, Reasoning("enabled", "low")),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning("enabled", None, 2000)),
        ({"reasoning": {"enabled": False}}, Reasoning("disabled")),
        ({"reasoning": {"enabled": True, "exclude": True}}, Reasoning("enabled", extras={"reasoning": {"exclude": True}})),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Reasoning("enabled", None, 1024)),
        ({"thinking": {"type": "disabled"}}, Reasoning("disabled")),
        ({"thinking": {"type": "adaptive"}, "reasoning_effort": "low"}, Reasoning("adaptive", "low")),
        (
            {"reasoning_effort": "low", "reasoning": {"effort": "high"}},
            Reasoning("enabled", "low", extras={"reasoning": {"effort": "high"}}),
        ),
    ],
)
def test_reasoning_in_the_forms_that_clients_send(fields: dict[str, Any], reasoning: Reasoning) -> None:
    assert decoded(**fields).reasoning == reasoning


def test_a_thinking_object_that_says_nothing_of_reasoning_is_kept() -> None:
    request = decoded(thinking={"clear_thinking": False})
    assert (request.reasoning, request.extras) == (None, {"thinking": {"clear_thinking": False}})


def test_decoding_is_by_value() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
    assert DIALECT.decode_request(body) == DIALECT.decode_request(body)
