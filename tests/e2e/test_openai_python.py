"""The official `openai` client for Python, in front of a provider of its own dialect and of the other."""

import base64
import json
from typing import Any

import openai
import pydantic
import pytest
from tests.e2e.conftest import CLAUDE, GPT, usage_of
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(70)).decode()
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
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


def said(provider: Provider) -> dict[str, Any]:
    """Usage as the provider told it, in OpenAI's words."""
    usage = provider.attempt()["usage"]
    if "prompt_tokens" in usage:
        return usage
    prompt = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    return {"prompt_tokens": prompt, "completion_tokens": usage["output_tokens"], "total_tokens": prompt + usage["output_tokens"]}


def test_plain(openai_client: openai.OpenAI, provider: Provider, model: str, gateway: GatewayProcess) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "system", "content": "Be brief."}, script(text="Hello there, friend.", cached=5, cache_write=3)],
        temperature=0.5,
        max_tokens=100,
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello there, friend."
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.model == model.partition("/")[2]
    truth = said(provider)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == truth["prompt_tokens"]
    assert answer.usage.completion_tokens == truth["completion_tokens"]
    assert answer.usage.total_tokens == truth["total_tokens"]
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 5
    assert raw.headers["x-tidegate-target"] == model
    assert raw.headers["x-tidegate-receipt"] == "identity" or model == CLAUDE
    event = usage_of(gateway, raw.headers["x-request-id"])[0]
    assert event["usage"]["output"] == truth["completion_tokens"]
    assert event["usage"]["cache_read"] == 5
    assert event["status"] == 200


def test_system_and_developer_prompts_reach_the_provider(openai_client: openai.OpenAI, provider: Provider, model: str) -> None:
    openai_client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": "Alpha."}, {"role": "developer", "content": "Beta."}, user("Hi")],
    )
    body = provider.request().body
    if model == GPT:
        assert [message["role"] for message in body["messages"]] == ["system", "developer", "user"]
    else:
        assert "Alpha." in json.dumps(body["system"])
        assert "Beta." in json.dumps(body["system"])


def test_a_stop_sequence(openai_client: openai.OpenAI, provider: Provider, model: str) -> None:
    answer = openai_client.chat.completions.create(model=model, messages=[script(text="one two three four")], stop=["three"])
    assert answer.choices[0].message.content == "one two "
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit(openai_client: openai.OpenAI, model: str, name: str) -> None:
    answer = openai_client.chat.completions.create(model=model, messages=[script(n=20)], extra_body={name: 4})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4


def test_streaming(openai_client: openai.OpenAI, provider: Provider, model: str) -> None:
    stream = openai_client.chat.completions.create(
        model=model, messages=[script(text="Hello there, my friend.")], stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Hello there, my friend."
    assert [delta.role for delta in deltas if delta.role] == ["assistant"]
    assert deltas[0].role == "assistant"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {model.partition("/")[2]}
    usage = chunks[-1].usage
    assert usage is not None
    assert chunks[-1].choices == []
    truth = said(provider)
    assert (usage.prompt_tokens, usage.completion_tokens) == (truth["prompt_tokens"], truth["completion_tokens"])
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_shows_usage_only_where_it_was_asked_for(
    openai_client: openai.OpenAI, provider: Provider, model: str, gateway: GatewayProcess
) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model=model, messages=[script(n=5)], stream=True)
    chunks = list(raw.parse())
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    event = usage_of(gateway, raw.headers["x-request-id"])[0]
    assert event["usage"]["output"] == provider.attempt()["tokens"] == 5


def test_the_stream_helper(openai_client: openai.OpenAI, model: str) -> None:
    with openai_client.chat.completions.stream(model=model, messages=[user(json.dumps(TWO_CALLS))], tools=[WEATHER]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"content.delta", "content.done", "tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= kinds
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Bern"}, {"city": "Köln"}]
    assert len({call.id for call in calls}) == 2
    assert final.choices[0].message.content == "I look it up."
    assert final.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("interleave", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_tools_round_trip(openai_client: openai.OpenAI, provider: Provider, model: str, stream: bool, interleave: bool) -> None:
    messages: list[Any] = [user(json.dumps({"sandbox": {**TWO_CALLS["sandbox"], "interleave": interleave}}))]
    if stream:
        with openai_client.chat.completions.stream(model=model, messages=messages, tools=[WEATHER]) as opened:
            message = opened.get_final_completion().choices[0].message
    else:
        message = openai_client.chat.completions.create(model=model, messages=messages, tools=[WEATHER]).choices[0].message
    assert message.tool_calls is not None
    cities = []
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        assert call.type == "function"
        cities.append(json.loads(call.function.arguments)["city"])
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"fine in {cities[-1]}"})
    assert cities == ["Bern", "Köln"]
    answer = openai_client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "Sun in Bern, rain in Köln."
    assert answer.choices[0].finish_reason == "stop"
    assert "fine in K" in json.dumps(provider.request().body)


@pytest.mark.parametrize(
    ("choice", "calls"),
    [("auto", False), ("none", False), ("required", True), ({"type": "function", "function": {"name": "get_weather"}}, True)],
)
def test_tool_choice(openai_client: openai.OpenAI, model: str, choice: Any, calls: bool) -> None:
    answer = openai_client.chat.completions.create(
        model=model, messages=[user("Hello")], tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False
    )
    assert bool(answer.choices[0].message.tool_calls) is calls


@pytest.mark.parametrize("url", [f"data:image/png;base64,{PNG}", "https://example.com/a.png"])
def test_vision(openai_client: openai.OpenAI, provider: Provider, model: str, url: str) -> None:
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = openai_client.chat.completions.create(model=model, messages=[user(content)])
    seen = answer.choices[0].message.content or ""
    assert "I received 1 attachment" in seen
    assert ("image/png (98 bytes)" if url.startswith("data:") else "https://example.com/a.png") in seen


def test_pdf(openai_client: openai.OpenAI, model: str) -> None:
    content = [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "text", "text": "Summarise."},
    ]
    answer = openai_client.chat.completions.create(model=model, messages=[user(content)])
    assert "application/pdf (79 bytes)" in (answer.choices[0].message.content or "")


class City(pydantic.BaseModel):
    name: str
    inhabitants: int
    rivers: list[str]


@pytest.mark.parametrize("name", [GPT, CLAUDE, "anthropic/claude-3-5-haiku-20241022"])
def test_structured_output_by_the_parse_helper(openai_client: openai.OpenAI, provider: Provider, name: str) -> None:
    # Where the model is told in words what to write, so is the sandbox.
    told = script(text='{"name":"Bern","inhabitants":1,"rivers":["Aare"]}') if "haiku" in name else user("A city")
    raw = openai_client.chat.completions.with_raw_response.parse(model=name, messages=[told], response_format=City)
    message = raw.parse().choices[0].message
    assert isinstance(message.parsed, City)
    assert not message.tool_calls
    receipt = raw.headers["x-tidegate-receipt"]
    assert ("emulated:response_format" in receipt) is ("haiku" in name), receipt
    with openai_client.chat.completions.stream(model=name, messages=[told], response_format=City) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, City)


def test_a_json_object(openai_client: openai.OpenAI, model: str) -> None:
    answer = openai_client.chat.completions.create(
        model=model,
        messages=[user('Answer in JSON. {"sandbox": {"text": "{\\"a\\": 1}"}}')],
        response_format={"type": "json_object"},
    )
    assert json.loads(answer.choices[0].message.content or "") == {"a": 1}


def test_a_refusal(openai_client: openai.OpenAI, model: str) -> None:
    answer = openai_client.chat.completions.create(model=model, messages=[script(refusal="I will not.")])
    message = answer.choices[0].message
    assert "I will not." in (message.refusal or message.content or "")


def test_hints_are_dropped_and_said_so(openai_client: openai.OpenAI, provider: Provider) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(model=CLAUDE, messages=[user("Hi")], seed=7, logit_bias={"50256": -100})
    receipt = raw.headers["x-tidegate-receipt"]
    assert "dropped:seed" in receipt
    assert "dropped:logit_bias" in receipt
    assert "seed" not in provider.request().body


@pytest.mark.parametrize(("field", "value"), [("n", 2), ("logprobs", True)])
def test_what_cannot_be_honoured_is_refused_by_name(openai_client: openai.OpenAI, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.chat.completions.create(model=CLAUDE, messages=[user("Hi")], extra_body={field: value})
    assert refused.value.param == field
    if field == "n":
        assert len(openai_client.chat.completions.create(model=GPT, messages=[user("Hi")], n=2).choices) == 2


async def test_the_async_client(gateway: GatewayProcess, model: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model=model, messages=[script(n=3)], stream=True)
        assert len([chunk async for chunk in stream if chunk.choices and chunk.choices[0].delta.content]) == 3


def test_embeddings_as_the_client_asks_for_them(openai_client: openai.OpenAI) -> None:
    """The client asks for base64 by itself and unpacks it."""
    answer = openai_client.embeddings.create(model="openai/text-embedding-3-small", input=["the cat sat", "the cat ran"], dimensions=32)
    assert [len(one.embedding) for one in answer.data] == [32, 32]
    assert sum(value * value for value in answer.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert answer.usage.total_tokens > 0


def test_moderation(openai_client: openai.OpenAI) -> None:
    answer = openai_client.moderations.create(model="openai/omni-moderation-latest", input=["peace", "violence"])
    assert [result.flagged for result in answer.results] == [False, True]
