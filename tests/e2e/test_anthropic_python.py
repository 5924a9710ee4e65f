"""The official `anthropic` client for Python, in front of a provider of its own dialect and of the other."""

import base64
import json
from typing import Any

import anthropic
import pydantic
import pytest
from tests.e2e.conftest import CLAUDE, GPT, usage_of
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(70)).decode()
WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TWO_CALLS = {
    "sandbox": {
        "text": "I look it up.",
        "tool_calls": [{"name": "get_weather", "arguments": {"city": "Bern"}}, {"name": "get_weather", "arguments": {"city": "Köln"}}],
        "then": {"text": "Sun in Bern, rain in Köln."},
    }
}


def user(text: Any) -> Any:
    return {"role": "user", "content": text}


def script(**fields: Any) -> Any:
    return user("Please. " + json.dumps({"sandbox": fields}))


def said(provider: Provider) -> tuple[int, int]:
    """(all input, output) as the provider told it."""
    usage = provider.attempt()["usage"]
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["completion_tokens"]
    return usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"], usage["output_tokens"]


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_plain(anthropic_client: anthropic.Anthropic, provider: Provider, model: str, gateway: GatewayProcess) -> None:
    raw = anthropic_client.messages.with_raw_response.create(
        model=model,
        max_tokens=100,
        system="Be brief.",
        messages=[script(text="Hello there, friend.", cached=5)],
        extra_body={"temperature": 0.5},
    )
    answer = raw.parse()
    assert text_of(answer) == "Hello there, friend."
    assert (answer.type, answer.role, answer.stop_reason, answer.stop_sequence) == ("message", "assistant", "end_turn", None)
    assert answer.model == model.partition("/")[2]
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    assert cached == 5
    assert (usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0), usage.output_tokens) == said(provider)
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    event = usage_of(gateway, raw.headers["request-id"])[0]
    assert (event["usage"]["cache_read"], event["usage"]["output"]) == (5, usage.output_tokens)
    assert event["identity"] is (model == CLAUDE)


def test_a_system_prompt_of_blocks(anthropic_client: anthropic.Anthropic, provider: Provider, model: str) -> None:
    system: Any = [{"type": "text", "text": "Alpha."}, {"type": "text", "text": "Beta.", "cache_control": {"type": "ephemeral"}}]
    anthropic_client.messages.create(model=model, max_tokens=100, system=system, messages=[user("Hi")])
    body = provider.request().body
    if model == CLAUDE:
        assert body["system"] == system
    else:
        assert body["messages"][0]["role"] in ("system", "developer")
        assert "Alpha." in json.dumps(body["messages"][0])
        assert "Beta." in json.dumps(body["messages"][0])
        assert "cache_control" not in json.dumps(body)


def test_a_stop_sequence(anthropic_client: anthropic.Anthropic, model: str) -> None:
    answer = anthropic_client.messages.create(
        model=model, max_tokens=100, stop_sequences=["three"], messages=[script(text="one two three four")]
    )
    assert text_of(answer) == "one two "
    if model == CLAUDE:
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "three")
    else:
        # OpenAI does not say which sequence was hit, or that one was.
        assert answer.stop_reason == "end_turn"


def test_a_limit(anthropic_client: anthropic.Anthropic, model: str) -> None:
    answer = anthropic_client.messages.create(model=model, max_tokens=4, messages=[script(n=20)])
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 4


def test_streaming(anthropic_client: anthropic.Anthropic, provider: Provider, model: str) -> None:
    events = list(
        anthropic_client.messages.create(model=model, max_tokens=100, messages=[script(text="Hello there, my friend.")], stream=True)
    )
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1
    text = "".join(event.delta.text for event in events if event.type == "content_block_delta" and event.delta.type == "text_delta")
    assert text == "Hello there, my friend."
    last = events[-2]
    assert last.type == "message_delta"
    assert last.delta.stop_reason == "end_turn"
    assert last.usage.output_tokens == said(provider)[1]


def test_the_stream_helper(anthropic_client: anthropic.Anthropic, provider: Provider, model: str) -> None:
    with anthropic_client.messages.stream(model=model, max_tokens=500, messages=[user(json.dumps(TWO_CALLS))], tools=[WEATHER]) as stream:
        assert "".join(stream.text_stream) == "I look it up."
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in final.content if block.type == "tool_use"] == [{"city": "Bern"}, {"city": "Köln"}]
    assert final.stop_reason == "tool_use"
    assert (final.usage.input_tokens, final.usage.output_tokens) == said(provider)


@pytest.mark.parametrize("stream", [False, True])
def test_tools_round_trip(anthropic_client: anthropic.Anthropic, provider: Provider, model: str, stream: bool) -> None:
    messages: list[Any] = [user(json.dumps(TWO_CALLS))]
    if stream:
        with anthropic_client.messages.stream(model=model, max_tokens=500, messages=messages, tools=[WEATHER]) as opened:
            message = opened.get_final_message()
    else:
        message = anthropic_client.messages.create(model=model, max_tokens=500, messages=messages, tools=[WEATHER])
    calls = [block for block in message.content if block.type == "tool_use"]
    assert len({call.id for call in calls}) == 2
    results: list[Any] = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": "fine in Bern"},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": [{"type": "text", "text": "wet in Köln"}], "is_error": True},
    ]
    messages += [{"role": "assistant", "content": message.content}, user([*results, {"type": "text", "text": "So?"}])]
    messages[-1]["content"][-1]["text"] = json.dumps({"sandbox": {"text": "Sun in Bern, rain in Köln."}})
    answer = anthropic_client.messages.create(model=model, max_tokens=500, messages=messages, tools=[WEATHER])
    assert text_of(answer) == "Sun in Bern, rain in Köln."
    sent = json.dumps(provider.request().body, ensure_ascii=False)
    assert "fine in Bern" in sent
    assert "wet in Köln" in sent


@pytest.mark.parametrize(
    ("choice", "calls"), [({"type": "auto"}, 0), ({"type": "none"}, 0), ({"type": "any"}, 1), ({"type": "tool", "name": "get_weather"}, 1)]
)
def test_tool_choice(anthropic_client: anthropic.Anthropic, model: str, choice: Any, calls: int) -> None:
    answer = anthropic_client.messages.create(model=model, max_tokens=200, messages=[user("Hello")], tools=[WEATHER], tool_choice=choice)
    assert sum(block.type == "tool_use" for block in answer.content) == calls


@pytest.mark.parametrize(
    "source", [{"type": "base64", "media_type": "image/png", "data": PNG}, {"type": "url", "url": "https://example.com/a.png"}]
)
def test_vision(anthropic_client: anthropic.Anthropic, model: str, source: Any) -> None:
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    seen = text_of(anthropic_client.messages.create(model=model, max_tokens=200, messages=[user(content)]))
    assert "I received 1 attachment" in seen
    assert ("image/png (98 bytes)" if source["type"] == "base64" else "https://example.com/a.png") in seen


def test_pdf(anthropic_client: anthropic.Anthropic, model: str) -> None:
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "title": "a.pdf"}
    answer = anthropic_client.messages.create(model=model, max_tokens=200, messages=[user([document, {"type": "text", "text": "Sum up."}])])
    assert "application/pdf (79 bytes)" in text_of(answer)


class City(pydantic.BaseModel):
    name: str
    inhabitants: int


def test_structured_output_by_the_parse_helper(anthropic_client: anthropic.Anthropic, model: str) -> None:
    parsed = anthropic_client.messages.parse(model=model, max_tokens=200, messages=[user("A city")], output_format=City)
    assert isinstance(parsed.parsed_output, City)


def test_structured_output(anthropic_client: anthropic.Anthropic, model: str) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}
    answer = anthropic_client.messages.create(
        model=model, max_tokens=200, messages=[user("A city")], output_config={"format": {"type": "json_schema", "schema": schema}}
    )
    assert list(json.loads(text_of(answer))) == ["name"]


def test_counting_is_the_provider_s_or_an_estimate_that_says_so(
    anthropic_client: anthropic.Anthropic, provider: Provider, model: str
) -> None:
    raw = anthropic_client.messages.with_raw_response.count_tokens(
        model=model, system="Be brief.", tools=[WEATHER], messages=[user("How is the weather in Bern, dear friend?")]
    )
    counted = raw.parse().input_tokens
    if model == CLAUDE:
        assert provider.request().path == "/v1/messages/count_tokens"
        assert provider.request().body["model"] == "claude-sonnet-4-5"
        assert counted > 10
    else:
        assert raw.headers["x-tidegate-receipt"] == "emulated:input_tokens"
        assert provider.requests() == []
        assert 20 < counted < 100
    assert raw.headers["x-tidegate-target"] == model


def test_counting_takes_no_defaults_of_a_route(anthropic_client: anthropic.Anthropic, provider: Provider) -> None:
    # Anthropic refuses `max_tokens` here: the count has no answer to limit.
    anthropic_client.messages.count_tokens(model="short", messages=[user("Hi")])
    assert provider.request().body == {"messages": [{"role": "user", "content": "Hi"}], "model": "claude-sonnet-4-5"}


def test_counting_with_thinking_from_elsewhere_is_an_estimate(anthropic_client: anthropic.Anthropic, provider: Provider) -> None:
    answer = anthropic_client.messages.create(model=GPT, max_tokens=100, messages=[script(text="Done.", reasoning_text="Let me see.")])
    assert [block.type for block in answer.content] == ["thinking", "text"]
    messages: list[Any] = [user("Hi"), {"role": "assistant", "content": answer.content}, user("And?")]
    raw = anthropic_client.messages.with_raw_response.count_tokens(model=CLAUDE, messages=messages)
    assert raw.parse().input_tokens > 5
    # The same conversation can be continued: what Claude did not sign does not reach it.
    after = anthropic_client.messages.create(model=CLAUDE, max_tokens=100, messages=messages)
    assert after.stop_reason == "end_turn"
    assert "tidegate1." not in provider.request().raw.decode()


async def test_the_async_client(gateway: GatewayProcess, model: str) -> None:
    async with (
        anthropic.AsyncAnthropic(base_url=gateway.url, auth_token=gateway.key, max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=100, messages=[script(text="one two three")]) as stream,
    ):
        assert [piece async for piece in stream.text_stream] == ["one", " two", " three"]
