"""The official `openai` client's Responses API, in front of providers that do not have it."""

import json
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest
from tests.e2e.conftest import CLAUDE, configuration
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

PLAIN = "plain/gpt-4o"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


OPEN_RESPONSES = {
    *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "model", "previous_response_id", "instructions"),
    *("output", "error", "tools", "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p", "presence_penalty"),
    *("frequency_penalty", "top_logprobs", "temperature", "reasoning", "usage", "max_output_tokens", "max_tool_calls", "store"),
    *("background", "service_tier", "metadata", "safety_identifier", "prompt_cache_key"),
}
"""The fields that a response must have: `ResponseResource` of https://www.openresponses.org."""


class Weather(pydantic.BaseModel):
    city: str
    sunny: bool


@pytest.fixture(params=[PLAIN, CLAUDE], ids=["openai_chat", "anthropic"])
def target(request: pytest.FixtureRequest) -> str:
    return request.param


def script(**fields: Any) -> str:
    return "Please. " + json.dumps({"sandbox": fields})


def test_plain(openai_client: openai.OpenAI, target: str) -> None:
    answer = openai_client.responses.create(model=target, instructions="Be brief.", input=script(text="Hello there, friend."))
    assert answer.output_text == "Hello there, friend."
    assert answer.status == "completed"
    assert answer.instructions == "Be brief."
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_a_stream(openai_client: openai.OpenAI, target: str) -> None:
    with openai_client.responses.stream(model=target, input=script(text="One, two, three, four.", chunk=4)) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        answer = stream.get_final_response()
    assert "".join(deltas) == answer.output_text == "One, two, three, four."
    assert len(deltas) > 1


def test_a_parsed_answer(openai_client: openai.OpenAI, target: str) -> None:
    answer = openai_client.responses.parse(model=target, input=script(text='{"city":"Bern","sunny":true}'), text_format=Weather)
    assert answer.output_parsed == Weather(city="Bern", sunny=True)


@pytest.mark.parametrize("kept", [True, False], ids=["previous_response_id", "items"])
def test_a_tool_loop_of_three_turns(openai_client: openai.OpenAI, provider: Provider, target: str, kept: bool) -> None:
    call = {"name": "get_weather", "arguments": {"city": "Bern"}}
    again = {"name": "get_weather", "arguments": {"city": "Köln"}}
    first = script(text="I look it up.", tool_calls=[call], then={"tool_calls": [again], "then": {"text": "Sun in Bern, rain in Köln."}})
    said: list[Any] = [{"role": "user", "content": first}]
    answer = openai_client.responses.create(model=target, input=said, tools=[WEATHER], store=kept)
    cities: list[str] = []
    for weather in ("sun", "rain"):
        calls = [item for item in answer.output if item.type == "function_call"]
        cities += [json.loads(found.arguments)["city"] for found in calls]
        results: list[Any] = [{"type": "function_call_output", "call_id": found.call_id, "output": weather} for found in calls]
        said += [*[item.model_dump(exclude_none=True) for item in answer.output], *results]
        more: dict[str, Any] = {"input": results, "previous_response_id": answer.id} if kept else {"input": said}
        answer = openai_client.responses.create(model=target, tools=[WEATHER], store=kept, **more)
    assert cities == ["Bern", "Köln"]
    assert answer.output_text == "Sun in Bern, rain in Köln."
    assert len(provider.requests()) == 3


def test_what_is_kept(openai_client: openai.OpenAI) -> None:
    answer = openai_client.responses.create(model=CLAUDE, input=script(text="Kept."))
    assert openai_client.responses.retrieve(answer.id).output_text == "Kept."
    items = openai_client.responses.input_items.list(answer.id)
    assert [item.type for item in items] == ["message"]
    openai_client.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        openai_client.responses.retrieve(answer.id)


def test_a_conversation(openai_client: openai.OpenAI, provider: Provider) -> None:
    talk = openai_client.conversations.create(metadata={"a": "b"})
    openai_client.responses.create(model=CLAUDE, input=script(text="First."), conversation=talk.id)
    openai_client.responses.create(model=PLAIN, input=script(text="Second."), conversation=talk.id)
    assert [message["role"] for message in provider.request().body["messages"]] == ["user", "assistant", "user"]
    assert len(openai_client.conversations.items.list(talk.id).data) == 4
    openai_client.conversations.delete(talk.id)


def test_what_is_kept_outlives_the_process_and_is_the_same_on_every_gateway(tmp_path: Path, provider: Provider) -> None:
    """Two gateways on one database, and a third after both have ended."""
    environ = {
        "UPSTREAM_KEY": "x",
        "BOTH_KEY": "a-key-of-all-gateways-here",
        "TIDEGATE_DATABASE_URL": f"sqlite:///{tmp_path}/shared.db",
        "TIDEGATE_KEK": "ab" * 31 + "cd",
    }
    setup = {**configuration(provider.url), "keys": [{"name": "both", "value": "env:BOTH_KEY"}]}

    def gateway(name: str) -> GatewayProcess:
        made = GatewayProcess(tmp_path / name, setup, environ)
        made.key = environ["BOTH_KEY"]
        return made

    def client(running: GatewayProcess) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key, max_retries=2, timeout=20)

    with gateway("one") as first:
        talk = client(first).conversations.create()
        made = client(first).responses.create(model=CLAUDE, input=script(text="One."), conversation=talk.id)
        with gateway("two") as second:
            told = client(second).responses.create(model=PLAIN, input=script(text="Two."), previous_response_id=made.id)
            assert [message["role"] for message in provider.request().body["messages"]] == ["user", "assistant", "user"]
            client(second).responses.create(model=CLAUDE, input=script(text="Three."), conversation=talk.id)
    with gateway("three") as third:
        assert client(third).responses.retrieve(told.id).output_text == "Two."
        items = client(third).conversations.items.list(talk.id, order="asc").data
        assert [item.type for item in items] == ["message"] * 4
        client(third).responses.delete(told.id)
        with pytest.raises(openai.NotFoundError):
            client(third).responses.retrieve(told.id)


def test_errors_are_openais(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        openai_client.responses.create(model=CLAUDE, input="Hi", previous_response_id="resp_none")
    with pytest.raises(openai.BadRequestError) as refused:
        openai_client.responses.create(model=CLAUDE, input="Hi", top_logprobs=2)
    assert refused.value.param == "top_logprobs"


def test_a_stream_in_the_background_is_taken_up_again(openai_client: openai.OpenAI, target: str) -> None:
    said = script(text="One, two, three, four, five.", chunk=4, gap_ms=40)
    first: list[Any] = []
    with openai_client.responses.create(model=target, input=said, background=True, stream=True) as stream:
        for event in stream:
            first.append(event)
            if event.type == "response.output_text.delta":
                break
    id = first[0].response.id
    rest = list(openai_client.responses.retrieve(id, stream=True, starting_after=first[-1].sequence_number))
    assert [event.sequence_number for event in [*first, *rest]] == [*range(len(first) + len(rest))]
    text = "".join(event.delta for event in [*first, *rest] if event.type == "response.output_text.delta")
    assert text == "One, two, three, four, five."
    done: Any = rest[-1]
    assert (done.type, done.response.id, done.response.output_text) == ("response.completed", id, text)
    assert openai_client.responses.retrieve(id) == done.response


def test_every_response_has_what_open_responses_requires(openai_client: openai.OpenAI, target: str) -> None:
    create = openai_client.responses.create
    asked: Any = {"model": target, "input": script(text="One.")}
    shown = [create(**asked).to_dict(), create(**asked, background=True).to_dict()]
    for background in (False, True):
        stream: Any = create(**asked, background=background, stream=True)
        shown += [event.response.to_dict() for event in stream if hasattr(event, "response")]
    assert [OPEN_RESPONSES - response.keys() for response in shown] == [set()] * len(shown)
    assert {response["status"] for response in shown} == {"completed", "in_progress", "queued"}
