from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded, encoded, foreign, told, user

from tidegate.dialects.openai_chat.encode_request import fits_strict
from tidegate.ir.content import CacheMark, Text
from tidegate.ir.request import Message, OutputFormat, Reasoning
from tidegate.ir.target import Quirks

HI = user(Text("hi"))
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "required": ["a"], "additionalProperties": False}


def test_the_model_is_the_targets() -> None:
    assert encoded(decoded())[0] == {"model": "target-model", "messages": [{"role": "user", "content": "hi"}]}


def test_limits_and_sampling() -> None:
    body, losses = encoded(foreign(HI, max_tokens=100, temperature=0.3, top_p=0.9, top_k=5, stop=["A", "B"]))
    assert (body["max_completion_tokens"], body["temperature"], body["top_p"], body["stop"]) == (100, 0.3, 0.9, ["A", "B"])
    assert told(losses) == [("dropped", "top_k")]
    assert encoded(decoded(top_k=5))[0]["top_k"] == 5


def test_a_limit_beyond_the_model_is_lowered() -> None:
    body, losses = encoded(foreign(HI, max_tokens=32_000), max_output=16_384)
    assert (body["max_completion_tokens"], told(losses)) == (16_384, [("mapped", "max_tokens")])


def test_models_without_sampling_get_none() -> None:
    body, losses = encoded(decoded(temperature=1, presence_penalty=1), sampling=False)
    assert body.keys() == {"model", "messages"}
    assert told(losses) == [("dropped", "temperature"), ("dropped", "presence_penalty")]


def test_models_that_take_no_sampling_while_they_reason() -> None:
    request = foreign(HI, reasoning=Reasoning("adaptive", "low"), temperature=0.3, top_p=0.9)
    body, losses = encoded(request, thinking="effort", sampling_while_thinking=False)
    assert (body["reasoning_effort"], "temperature" in body, "top_p" in body) == ("low", False, False)
    assert told(losses) == [("dropped", "temperature"), ("dropped", "top_p")]
    for quiet in (foreign(HI, temperature=0.3), foreign(HI, temperature=0.3, reasoning=Reasoning("disabled"))):
        body, losses = encoded(quiet, thinking="effort", sampling_while_thinking=False, efforts=("none", "low"))
        assert (body["temperature"], told(losses)) == (0.3, [])


def test_structured_output_for_models_that_have_it() -> None:
    body, losses = encoded(foreign(HI, output=OutputFormat("json_schema", schema=CLOSED)))
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "response", "schema": CLOSED, "strict": True}}
    body, _ = encoded(foreign(HI, output=OutputFormat("json_schema", schema=OPEN)))
    assert "strict" not in body["response_format"]["json_schema"]
    assert losses == []


@pytest.mark.parametrize(("style", "formatted"), [("json_object", {"type": "json_object"}), ("none", None)])
def test_structured_output_for_models_that_do_not(style: str, formatted: Any) -> None:
    request = foreign(Message("system", [Text("s")]), HI, output=OutputFormat("json_schema", schema=OPEN))
    body, losses = encoded(request, structured=style)
    assert body.get("response_format") == formatted
    assert [message["role"] for message in body["messages"]] == ["system", "system", "user"]
    assert '"properties"' in body["messages"][1]["content"]
    assert told(losses) == [("emulated", "output_config.format")]


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        (CLOSED, True),
        (OPEN, False),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "allOf": []}, False),
        ({"type": "array", "items": CLOSED}, False),
        ({**CLOSED, "properties": {"a": {"type": "array", "items": OPEN}}}, False),
        ({**CLOSED, "properties": {"a": {"anyOf": [CLOSED, {"type": "null"}]}}, "$defs": {"b": CLOSED}}, True),
        ({**CLOSED, "$defs": {"b": OPEN}}, False),
        (None, False),
    ],
)
def test_schemas_that_openai_takes_as_strict(schema: Any, fits: bool) -> None:
    assert fits_strict(schema) is fits


def test_a_long_user_is_a_digest() -> None:
    body, losses = encoded(foreign(HI, user="u" * 150))
    assert (len(body["user"]), told(losses)) == (64, [("mapped", "metadata.user_id")])
    assert encoded(foreign(HI, user="u" * 64))[0]["user"] == "u" * 64


@pytest.mark.parametrize(
    ("tier", "sent", "losses"),
    [("auto", None, []), ("standard_only", "default", [("mapped", "service_tier")]), ("gold", None, [("dropped", "service_tier")])],
)
def test_service_tiers_of_another_dialect(tier: str, sent: str | None, losses: list[tuple[str, str]]) -> None:
    body, found = encoded(foreign(HI, service_tier=tier))
    assert (body.get("service_tier"), told(found)) == (sent, losses)


def test_streams_ask_for_usage_where_the_provider_takes_that() -> None:
    assert encoded(decoded(stream=True))[0]["stream_options"] == {"include_usage": True}
    kept = encoded(decoded(stream=True, stream_options={"include_obfuscation": False}))[0]
    assert kept["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert "stream_options" not in encoded(decoded(stream=True), quirks=Quirks(stream_usage=False))[0]


def test_foreign_extras_and_marks_are_on_the_receipt() -> None:
    body, losses = encoded(foreign(HI, extras={"container": "c"}, cache=CacheMark()))
    assert body.keys() == {"model", "messages"}
    assert told(losses) == [("dropped", "cache_control"), ("dropped", "container")]
    assert encoded(foreign(HI, cache=CacheMark("1h")), prompt_cache=True)[0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
