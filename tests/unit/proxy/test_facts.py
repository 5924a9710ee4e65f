import json
from typing import Any

import pytest
from tests.unit.policy.values import key, snapshot

from tidegate.dialects.table import SPOKEN
from tidegate.policy.route import Planner
from tidegate.policy.when import ASKS
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.facts import facts, tokens_about

PIXEL = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}


def call(dialect: str = "openai_chat", surface: str = "chat_completions", **fields: Any) -> Call:
    made = Call(id="1", started=0, at=5.0, planner=Planner(snapshot()), dialect=SPOKEN[dialect], headers={}, path=b"/", query=b"")
    made.surface, made.key = surface, key("ci")
    made.body = json.dumps({"model": "m", **fields}).encode()
    made.fields = scanned(made.body)
    made.head = made.dialect.head(made.fields)
    return made


def said(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}]


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ({"messages": said({"type": "text", "text": 'Is "image_url" a field? And "tools", "document"?'})}, set()),
        ({"messages": [{"role": "user", "content": "image_url"}], "tools": []}, set()),
        ({"messages": said(IMAGE)}, {"vision"}),
        ({"messages": said(PDF)}, {"documents"}),
        ({"messages": said(SOUND)}, {"audio"}),
        ({"messages": said(IMAGE), "tools": [TOOL], "response_format": SCHEMA}, {"vision", "tools", "structured"}),
        ({"messages": said({"type": "text", "text": "x"}), "response_format": {"type": "json_object"}}, set()),
        ({"messages": "no list", "tools": [TOOL]}, set()),
    ],
)
def test_what_a_call_asks_for(fields: dict[str, Any], asks: set[str]) -> None:
    assert facts(call(**fields), frozenset(ASKS), is_sticky=True).asks == asks


def test_images_within_the_results_of_tools() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    assert facts(call("anthropic", "messages", max_tokens=9, messages=said(result)), frozenset(ASKS), is_sticky=True).asks == {"vision"}


def test_only_what_matters_is_looked_for_and_only_in_generations() -> None:
    assert facts(call(messages=said(IMAGE)), frozenset({"tools"}), is_sticky=True).asks == frozenset()
    assert facts(call(surface="embeddings", input=[IMAGE]), frozenset(ASKS), is_sticky=True).asks == frozenset()


def test_who_calls_and_how_much() -> None:
    found = facts(call(messages=[], max_tokens=7, stream=True), frozenset(), is_sticky=True)
    assert (found.key, found.org, found.output, found.stream, found.at) == ("ci", "default", 7, True, 5.0)
    assert tokens_about(call(messages=said({"type": "text", "text": "x" * 4000}))) >= 1000


def test_sessions_and_beginnings() -> None:
    first = call(messages=[{"role": "system", "content": "s" * 3000}, {"role": "user", "content": "one"}])
    second = call(messages=[{"role": "system", "content": "s" * 3000}, {"role": "user", "content": "two"}])
    assert facts(first, frozenset(), is_sticky=True).prefix == facts(second, frozenset(), is_sticky=True).prefix != b""
    assert facts(first, frozenset(), is_sticky=True).session == b""
    assert facts(call(messages=[], prompt_cache_key="k"), frozenset(), is_sticky=True).session == b'"k"'
    told = call(messages=[], user="u")
    assert facts(told, frozenset(), is_sticky=True).session == b'"u"'
    told.headers = {b"x-tidegate-session": b"mine"}
    assert facts(told, frozenset(), is_sticky=True).session == b"mine"
