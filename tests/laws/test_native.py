"""The same case, written natively for several providers by people who know them (braintrustdata/lingua in the recordings): what the
natives of two dialects both say is told by the translation of either in the words of the other; what only one says is told, or on the
receipt.

Compared is what a request asks for, field by field, ids left out. Token limits and efforts are each provider's own in these cases; where
the natives do not say the same (another prompt, a temperature that one of them lacks), a translation says what its own native does.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.laws.recorded import core
from tests.laws.subject import Subject
from tests.laws.subjects.table import SUBJECTS

from tidegate.control.catalogue import read_catalogue
from tidegate.ir.content import Base64Source, Block, Document, Image, Refusal, Text, Thinking, ToolResult, ToolUse, UrlSource
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import Message, OutputFormat, Request, Tool
from tidegate.ir.target import Profile

CATALOGUE = read_catalogue()
Written = tuple[Subject, dict[str, Any]]


@pytest.fixture(scope="module")
def cases(recordings_dir: Path) -> dict[str, dict[str, Written]]:
    """By case and by whom it was written for: the first request of each. A follow-up has the answer of its own provider in it."""
    found: dict[str, dict[str, Written]] = defaultdict(dict)
    for subject in SUBJECTS:
        for exchange in core(recordings_dir, subject.api):
            if exchange["source"] == "braintrustdata/lingua":
                *_, case, provider, name = exchange["path"].split("/")
                if name == "response.json" and exchange["id"] not in subject.invalid_requests:
                    found[case][provider] = (subject, exchange)
    return {case: written for case, written in found.items() if len({subject.name for subject, _ in written.values()}) > 1}


def _pairs(cases: dict[str, dict[str, Written]]) -> Iterator[tuple[str, Written, Written]]:
    for case, written in cases.items():
        for one, first in written.items():
            for other, second in written.items():
                if first[0] is not second[0]:
                    yield f"{case}: {one} to {other}", first, second


def _read(written: Written) -> Request:
    subject, exchange = written
    return subject.dialect.decode_request(json.dumps(subject.recorded_request(exchange["request_body"])).encode())


def _profile(written: Written) -> Profile:
    subject, exchange = written
    provider, model = exchange["provider"], exchange["model"] or exchange["request_body"].get("model", "")
    capabilities = CATALOGUE.capabilities(provider, model)
    return Profile(
        provider=provider, model=model, capabilities=capabilities, quirks=CATALOGUE.providers[provider].wire(subject.name).quirks
    )


def _asked(request: Request) -> dict[str, Any]:
    """What a request asks for, whatever its dialect; what it does not say is left out."""
    system = [message for message in request.messages if message.role in ("system", "developer")]
    asked: dict[str, Any] = {
        "system": "\n\n".join(block.text for message in system for block in message.blocks if isinstance(block, Text)),
        "turns": _turns([message for message in request.messages if message not in system]),
        "tools": [(tool.name, tool.description or "", _schema(tool.schema)) for tool in request.tools if isinstance(tool, Tool)],
        "tool_choice": None if request.tool_choice is None or request.tool_choice.mode == "auto" else request.tool_choice,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": request.stop,
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "output": None if request.output is None else (request.output.kind, _described(request.output)),
        "logprobs": request.logprobs,
        "parallel_tool_calls": None if request.parallel_tool_calls else request.parallel_tool_calls,
    }
    return {name: value for name, value in asked.items() if value not in (None, "", [])}


def _turns(messages: list[Message]) -> list[tuple[str, list[Any]]]:
    """Turns of one side together: a tool's result is the user's side."""
    turns: list[tuple[str, list[Any]]] = []
    for message in messages:
        side = "assistant" if message.role == "assistant" else "user"
        said = [part for block in message.blocks if (part := _said(block)) is not None]
        if turns and turns[-1][0] == side:
            turns[-1][1].extend(said)
        elif said:
            turns.append((side, said))
    return turns


def _said(block: Block) -> Any:
    match block:
        case Text(text=text) | Refusal(text=text):
            return text
        case Image(source=source) | Document(source=source):
            where = source.url if isinstance(source, UrlSource) else source.data if isinstance(source, Base64Source) else source
            return (type(block).__name__, where)
        case ToolUse(name=name, arguments=arguments):
            return ("call", name, json.loads(arguments or "{}"))
        case ToolResult(blocks=blocks):
            return ("result", [_said(inner) for inner in blocks])
        case Thinking():
            return None
        case _:
            return type(block).__name__


def _described(output: OutputFormat) -> Any:
    """A format's schema with its description, which stands beside the schema in some dialects and inside it in others."""
    schema = _schema(output.schema)
    return {**schema, "description": output.description} if isinstance(schema, dict) and output.description else schema


def _schema(value: Any) -> Any:
    """Without what the dialects spell in their own ways: closed objects, and orders that mean nothing."""
    if isinstance(value, list):
        return [_schema(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        name: sorted(inner) if name == "required" else _schema(inner) for name, inner in value.items() if name != "additionalProperties"
    }


def test_what_two_natives_both_say_is_said_by_the_translation_of_either(cases: dict[str, dict[str, Written]]) -> None:
    broken: dict[str, Any] = {}
    agreed = 0
    for name, first, second in _pairs(cases):
        try:
            ours, native = _read(first), _read(second)
            encoded = second[0].dialect.encode_request(ours, _profile(second))
        except GatewayError as refused:
            broken[name] = refused.error.message
            continue
        asked, wanted = _asked(ours), _asked(native)
        told = _asked(second[0].dialect.decode_request(encoded.body))
        losses = [loss.field for loss in encoded.losses]
        for field, value in asked.items():
            same = wanted.get(field) == value
            agreed += same
            if told.get(field) != value and (same or not losses):
                broken[f"{name}: {field}"] = (value, told.get(field))
    assert broken == {}
    assert agreed > 600
