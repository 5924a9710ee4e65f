"""The official `google-genai` client for Python, in front of a provider of OpenAI's dialect and of Anthropic's."""

import base64
import io
import json
from collections.abc import Generator
from typing import Any

import pydantic
import pytest
from google import genai
from google.genai import errors, types
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="Weather of a city",
    parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@pytest.fixture(scope="module")
def google_client(gateway: GatewayProcess) -> Generator[genai.Client]:
    client = genai.Client(api_key=gateway.key, http_options=types.HttpOptions(base_url=gateway.url, timeout=20_000))
    yield client
    client.close()


def script(**fields: Any) -> str:
    return "Please. " + json.dumps({"sandbox": fields})


def test_plain(google_client: genai.Client, provider: Provider, model: str) -> None:
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=99, temperature=0.5)
    answer = google_client.models.generate_content(model=model, contents=script(text="Good day, Ada."), config=config)
    assert answer.text == "Good day, Ada."
    assert answer.candidates
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage
    assert usage.prompt_token_count
    assert usage.total_token_count == usage.prompt_token_count + (usage.candidates_token_count or 0)
    assert "Be brief." in json.dumps(provider.request().body)


def test_streaming(google_client: genai.Client, provider: Provider, model: str) -> None:
    pieces = list(google_client.models.generate_content_stream(model=model, contents=script(text="One two three four five six.")))
    assert "".join(piece.text or "" for piece in pieces) == "One two three four five six."
    assert len(pieces) > 2
    last = pieces[-1]
    assert last.candidates
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata
    assert last.usage_metadata.candidates_token_count


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_loop_of_three_turns(google_client: genai.Client, provider: Provider, model: str, streamed: bool) -> None:
    first = script(
        text="I look.",
        tool_calls=[{"name": "get_weather", "arguments": {"city": "Bern"}}],
        then={"tool_calls": [{"name": "get_weather", "arguments": {"city": "Köln"}}], "then": {"text": "Sun in Bern, rain in Köln."}},
    )
    chat = google_client.chats.create(
        model=model,
        config=types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[WEATHER])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        ),
    )
    message: Any = first
    asked: list[Any] = []
    text = ""
    for _ in range(3):
        if streamed:
            pieces = list(chat.send_message_stream(message))
            calls = [call for piece in pieces for call in piece.function_calls or []]
            text = "".join(piece.text or "" for piece in pieces)
        else:
            answer = chat.send_message(message)
            calls, text = answer.function_calls or [], answer.text or ""
        asked += [(call.name, call.args) for call in calls]
        message = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "9 degrees"}))
            for call in calls
        ]
    assert asked == [("get_weather", {"city": "Bern"}), ("get_weather", {"city": "Köln"})]
    assert text == "Sun in Bern, rain in Köln."


class City(pydantic.BaseModel):
    name: str
    people: int


def test_structured_output(google_client: genai.Client, provider: Provider, model: str) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    answer = google_client.models.generate_content(
        model=model, contents="A city. " + script(text='{"name": "Bern", "people": 134794}'), config=config
    )
    assert answer.parsed == City(name="Bern", people=134794)


def test_counting(google_client: genai.Client, provider: Provider, model: str) -> None:
    assert (google_client.models.count_tokens(model=model, contents="How many tokens are these?").total_tokens or 0) > 3


def test_embeddings(google_client: genai.Client, provider: Provider) -> None:
    told = google_client.models.embed_content(
        model="openai/text-embedding-3-small",
        contents=["tide", "gate"],
        config=types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY"),
    )
    assert [len(embedding.values or []) for embedding in told.embeddings or []] == [8, 8]
    sent = provider.request()
    assert (sent.path, sent.body) == ("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["tide", "gate"], "dimensions": 8})


def test_files(google_client: genai.Client, provider: Provider, model: str) -> None:
    file = google_client.files.upload(file=io.BytesIO(b"%PDF-1.4 tide"), config={"mime_type": "application/pdf", "display_name": "Tide"})
    assert (file.display_name, file.size_bytes, file.state) == ("Tide", 13, types.FileState.ACTIVE)
    assert file.name
    assert google_client.files.get(name=file.name) == file
    assert file.name in [one.name for one in google_client.files.list()]
    assert google_client.models.generate_content(model=model, contents=[file, script(text="A tide.")]).text == "A tide."
    assert base64.b64encode(b"%PDF-1.4 tide").decode() in json.dumps(provider.request().body)
    google_client.files.delete(name=file.name)
    with pytest.raises(errors.ClientError, match="404"):
        google_client.files.get(name=file.name)


def test_a_provider_without_embeddings_says_so(google_client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="has no embeddings"):
        google_client.models.embed_content(model="anthropic/claude-sonnet-4-5", contents="tide")


def test_models(google_client: genai.Client, provider: Provider, model: str) -> None:
    assert google_client.models.get(model=model).name == f"models/{model}"
    assert f"models/{model}" in {listed.name for listed in google_client.models.list()}


def test_errors(google_client: genai.Client, provider: Provider, model: str, gateway: GatewayProcess) -> None:
    with pytest.raises(errors.ClientError) as unknown:
        google_client.models.generate_content(model="nobody/none", contents="Hi")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    with pytest.raises(errors.ClientError) as refused:
        google_client.models.generate_content(model=model, contents=script(status=429))
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    stranger = genai.Client(api_key="tgk_nobody", http_options=types.HttpOptions(base_url=gateway.url))
    with pytest.raises(errors.ClientError) as stranger_refused:
        stranger.models.generate_content(model=model, contents="Hi")
    assert (stranger_refused.value.code, stranger_refused.value.status) == (401, "UNAUTHENTICATED")
    stranger.close()
