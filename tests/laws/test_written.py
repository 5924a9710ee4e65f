"""What the gateway itself writes, checked against what each API's owner publishes: OpenAI's document, the types of the official clients in
their strict mode, and AWS's service model. Every recorded answer, told to clients of every other dialect, whole and streamed."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anthropic.types as claude
import botocore.loaders
import botocore.model
import pytest
from google.genai.types import GenerateContentResponse
from openai.types.responses import Response as OpenAiResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError
from tests.laws.openai_schema import openai_schema
from tests.laws.recorded import answer_bytes, core
from tests.laws.subject import STAMP, Subject, recorded_stream
from tests.laws.subjects.table import SUBJECTS

from tidegate.ir.events import Failed
from tidegate.ir.fold import fold, unfold

SHARE = int(os.environ.get("TIDEGATE_WRITTEN_SHARE", "5"))
"""Of a hundred recordings, how many are told; 100 is all."""

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_CLAUDE: TypeAdapter[Any] = TypeAdapter(claude.RawMessageStreamEvent)
_CLAUDE_WHOLE, _OPENAI_WHOLE, _GEMINI = TypeAdapter(claude.Message), TypeAdapter(OpenAiResponse), TypeAdapter(GenerateContentResponse)
_NAMES = {
    "response.output_text.delta": "ResponseTextDeltaEvent",
    "response.output_text.done": "ResponseTextDoneEvent",
    "error": "ResponseErrorEvent",
}


class Published:
    """The validators, by the dialect that is written."""

    def __init__(self, specs: Path) -> None:
        self._schema = openai_schema(specs)
        service = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
        self._converse = botocore.model.ServiceModel(service)

    def faults(self, subject: Subject, body: bytes, *, streamed: bool) -> list[str]:
        check: Callable[[Any], Iterable[str]] = getattr(self, f"_{subject.name}_{'stream' if streamed else 'whole'}")
        if not streamed:
            return list(check(json.loads(body)))
        return [fault for frame in subject.frames([body]) if frame.data != b"[DONE]" for fault in self._event(subject, check, frame)]

    def _event(self, subject: Subject, check: Callable[[Any], Iterable[str]], frame: Any) -> Iterable[str]:
        value = json.loads(frame.data or b"")
        return check({frame.event: value} if subject.name == "bedrock_converse" else value)

    def _openai_chat_whole(self, value: Any) -> Iterable[str]:
        return self._schema.faults("CreateChatCompletionResponse", value)

    def _openai_chat_stream(self, value: Any) -> Iterable[str]:
        # The schema of a chunk has no custom calls, which OpenAI streams all the same; `usage` is documented as null until the last.
        if any(call.get("type") == "custom" for choice in value["choices"] for call in choice["delta"].get("tool_calls") or ()):
            return []
        plain = {name: field for name, field in value.items() if name != "usage" or field is not None}
        return self._schema.faults("CreateChatCompletionStreamResponse", plain)

    def _openai_responses_whole(self, value: Any) -> Iterable[str]:
        return [*self._schema.faults("Response", value), *_typed(_OPENAI_WHOLE, value)]

    def _openai_responses_stream(self, value: Any) -> Iterable[str]:
        kind = value["type"]
        name = _NAMES.get(kind) or "".join(word.capitalize() for word in kind.replace("_", ".").split(".")) + "Event"
        return [*self._schema.faults(name, value), *_typed(_EVENT, value)]

    def _anthropic_whole(self, value: Any) -> Iterable[str]:
        return _typed(_CLAUDE_WHOLE, value)

    def _anthropic_stream(self, value: Any) -> Iterable[str]:
        return [] if value["type"] == "ping" else _typed(_CLAUDE, value)

    def _gemini_whole(self, value: Any) -> Iterable[str]:
        return _typed(_GEMINI, value, strict=False)

    _gemini_stream = _gemini_whole

    def _bedrock_converse_whole(self, value: Any) -> Iterable[str]:
        return _shape(self._converse.shape_for("ConverseResponse"), value, "$")

    def _bedrock_converse_stream(self, value: Any) -> Iterable[str]:
        return _shape(self._converse.shape_for("ConverseStreamOutput"), value, "$")


def _typed(adapter: TypeAdapter[Any], value: Any, *, strict: bool = True) -> list[str]:
    try:
        adapter.validate_json(json.dumps(value), strict=strict)
    except ValidationError as error:
        return [f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in error.errors()][:5]
    return []


_KINDS: dict[str, tuple[type, ...]] = {
    "structure": (dict,), "list": (list,), "map": (dict,), "string": (str,), "blob": (str,), "boolean": (bool,), "integer": (int,),
    "long": (int,), "float": (int, float), "double": (int, float), "timestamp": (int, float, str),
}  # fmt: skip


def _shape(shape: Any, value: Any, path: str) -> list[str]:
    """What is wrong with a value as a shape of the service model: unknown members, missing ones, other types, unions with several."""
    if getattr(shape, "is_document_type", False):
        return []
    if not _is(value, shape.type_name):
        return [f"{path}: {value!r:.60} is no {shape.type_name}"]
    found: list[str] = []
    if shape.type_name == "structure":
        found += [f"{path}: {name} is unknown" for name in value if name not in shape.members]
        found += [f"{path}: {name} is missing" for name in shape.required_members if name not in value]
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            found.append(f"{path}: a union with {sorted(value)}")
        for name, inner in value.items():
            if name in shape.members:
                found += _shape(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, inner in enumerate(value):
            found += _shape(shape.member, inner, f"{path}[{index}]")
    elif shape.type_name == "map":
        for name, inner in value.items():
            found += _shape(shape.value, inner, f"{path}.{name}")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        found.append(f"{path}: {value!r} is none of {shape.enum}")
    return found


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or type(value) is not bool)


@pytest.fixture(scope="module")
def published(specs_dir: Path) -> Published:
    return Published(specs_dir)


def is_in_the_sample(id: str) -> bool:
    return hashlib.blake2b(id.encode(), digest_size=2).digest()[0] * 100 < SHARE * 256


@pytest.mark.parametrize("source", SUBJECTS, ids=lambda subject: subject.name)
def test_answers_told_to_other_clients_are_of_the_published_types(source: Subject, recordings_dir: Path, published: Published) -> None:
    broken: dict[str, list[str]] = {}
    seen = 0
    for exchange in core(recordings_dir, source.api):
        if exchange["status"] != 200 or not is_in_the_sample(exchange["id"]):
            continue
        body = recorded_stream(exchange)
        if body is None:
            answer = source.dialect.decode_response(answer_bytes(exchange), source.origin)
            events = list(unfold(answer))
        else:
            events = source.events(body)
            if isinstance(events[-1], Failed):
                continue
            answer = fold(events, source.name)
        seen += 1
        for client in SUBJECTS:
            if client is source:
                continue
            asked = client.asked
            whole = client.dialect.encode_response(answer, STAMP, asked).body
            found = [f"whole {fault}" for fault in published.faults(client, whole, streamed=False)]
            found += [f"stream {fault}" for fault in published.faults(client, client.written(events), streamed=True)]
            if found:
                broken[f"{exchange['id']} for {client.name}"] = found[:3]
    assert seen > 0
    assert broken == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (
            "openai_chat",
            {
                "id": "a",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "message": {"role": "assistant"}}],
            },
        ),
        ("openai_responses", {"id": "a", "object": "response", "output": []}),
        ("anthropic", {"id": "a", "type": "message", "role": "assistant", "content": [{"type": "odd"}], "model": "m", "usage": {}}),
        ("gemini", {"candidates": [{"content": {"parts": [{"txt": "a"}]}}]}),
        ("bedrock_converse", {"output": {"message": {"role": "assistant", "content": [{"text": "a", "image": {}}]}}, "stopReason": "odd"}),
    ],
)
def test_what_is_not_of_the_published_type_is_seen(name: str, value: Any, published: Published) -> None:
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    assert published.faults(subject, json.dumps(value).encode(), streamed=False)
