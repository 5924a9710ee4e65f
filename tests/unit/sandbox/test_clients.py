"""The official clients, unmodified, against the sandbox: plain, streams, a tool round trip, structured output, errors."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pydantic
import pytest

from tidegate.sandbox.server import Running

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Place(pydantic.BaseModel):
    city: str
    people: int


@pytest.fixture
def ours(sandbox: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{sandbox.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def theirs(sandbox: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=sandbox.url, api_key="any", max_retries=0) as client:
        yield client


def test_openai_plain_and_stream(ours: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    whole = ours.chat.completions.create(model="gpt-4o", messages=messages)
    with ours.chat.completions.stream(model="gpt-4o", messages=messages, stream_options={"include_usage": True}) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert whole.usage is not None
    assert final.usage is not None
    assert final.usage.model_dump(exclude_none=True) == whole.usage.model_dump(exclude_none=True)


@pytest.mark.parametrize("streamed", [False, True])
def test_openai_tool_round_trip(ours: openai.OpenAI, streamed: bool) -> None:
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}]
    messages: list[Any] = [{"role": "user", "content": "use get_weather"}]

    def ask() -> Any:
        if streamed:
            with ours.chat.completions.stream(model="gpt-4o", messages=messages, tools=tools) as stream:
                return stream.get_final_completion().choices[0]
        return ours.chat.completions.create(model="gpt-4o", messages=messages, tools=tools).choices[0]

    first = ask()
    assert first.finish_reason == "tool_calls"
    call = first.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "sandbox"}
    function = {"name": call.function.name, "arguments": call.function.arguments}
    messages.append({"role": "assistant", "content": None, "tool_calls": [{"id": call.id, "type": "function", "function": function}]})
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    second = ask()
    assert second.finish_reason == "stop"
    assert "sunny" in second.message.content


def test_openai_structured_output(ours: openai.OpenAI) -> None:
    parsed = ours.chat.completions.parse(model="gpt-4o", messages=[{"role": "user", "content": "where?"}], response_format=Place)
    assert parsed.choices[0].message.parsed == Place(city="sandbox", people=1)


def test_openai_errors(ours: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        ours.chat.completions.create(model="m", messages=[{"role": "user", "content": '{"mode": "429+retry_after"}'}])
    assert limited.value.response.headers["retry-after"] == "1"
    with pytest.raises(openai.BadRequestError) as bad:
        ours.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], extra_body={"colour": 1})
    assert (bad.value.code, bad.value.param) == ("unknown_parameter", "colour")
    with pytest.raises(openai.APIError, match="mid"):
        list(
            ours.chat.completions.create(
                model="m", stream=True, messages=[{"role": "user", "content": '{"n": 9, "error_in_stream": {"message": "mid"}}'}]
            )
        )
    with pytest.raises(openai.APIConnectionError):
        ours.chat.completions.create(model="m", messages=[{"role": "user", "content": '{"n": 9, "mode": "rst"}'}])


def test_openai_models(ours: openai.OpenAI) -> None:
    assert "echo" in {model.id for model in ours.models.list()}


def test_anthropic_plain_and_stream(theirs: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    whole = theirs.messages.create(model="claude", max_tokens=100, messages=messages)
    with theirs.messages.stream(model="claude", max_tokens=100, messages=messages) as stream:
        final = stream.get_final_message()
    assert [block.model_dump(exclude={"parsed_output"}) for block in final.content] == [block.model_dump() for block in whole.content]
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.stop_reason == whole.stop_reason == "end_turn"


@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_tool_round_trip_with_thinking(theirs: anthropic.Anthropic, streamed: bool) -> None:
    fields: Any = {
        "model": "claude",
        "max_tokens": 3000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "get_weather", "input_schema": CITY}],
    }
    messages: list[Any] = [{"role": "user", "content": "use get_weather"}]

    def ask() -> Any:
        if streamed:
            with theirs.messages.stream(messages=messages, **fields) as stream:
                return stream.get_final_message()
        return theirs.messages.create(messages=messages, **fields)

    first = ask()
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    use = first.content[1]
    assert use.input == {"city": "sandbox"}
    kept = [first.content[0].model_dump(), {"type": "tool_use", "id": use.id, "name": use.name, "input": use.input}]
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}]}
    messages += [{"role": "assistant", "content": kept}, result]
    second = ask()
    assert second.stop_reason == "end_turn"
    assert "sunny" in second.content[-1].text
    messages[1] = {"role": "assistant", "content": kept[1:]}
    with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
        ask()


def test_anthropic_structured_output(theirs: anthropic.Anthropic) -> None:
    parsed = theirs.messages.parse(model="claude", max_tokens=100, messages=[{"role": "user", "content": "where?"}], output_format=Place)
    assert parsed.parsed_output == Place(city="sandbox", people=1)


def test_anthropic_errors(theirs: anthropic.Anthropic) -> None:
    def ask(prompt: str, **fields: Any) -> Any:
        return theirs.messages.create(model="m", max_tokens=100, messages=[{"role": "user", "content": prompt}], **fields)

    with pytest.raises(anthropic.RateLimitError):
        ask('{"mode": "429+retry_after"}')
    with pytest.raises(anthropic.BadRequestError, match="colour: Extra inputs are not permitted"):
        ask("x", extra_body={"colour": 1})
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(ask('{"n": 9, "error_in_stream": true}', stream=True))
    with pytest.raises(anthropic.APIConnectionError):
        ask('{"n": 9, "mode": "fin"}')


def test_anthropic_models_and_counting(theirs: anthropic.Anthropic) -> None:
    assert "echo" in {model.id for model in theirs.models.list()}
    assert theirs.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hello"}]).input_tokens == 6
