import json
from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import delta

from tidegate.dialects.openai_chat.tap import ChatTap, tap_whole
from tidegate.ir.usage import Usage

USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def _tapped(*chunks: Any) -> tuple[ChatTap, list[bool]]:
    tap = ChatTap()
    return tap, [tap.feed("", chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) for chunk in chunks]


def test_a_stream_from_start_to_end() -> None:
    tap, hidden = _tapped(
        delta({"role": "assistant", "content": ""}), delta({"content": "a"}), delta({}, "stop"), {"choices": [], "usage": USAGE}, b"[DONE]"
    )
    assert (tap.model, tap.usage, tap.finished, tap.committed, tap.error) == ("m", Usage(input=3, output=2), True, True, None)
    assert hidden == [False, False, False, True, False]


def test_usage_in_the_choice_counts_where_there_is_no_other() -> None:
    last = delta({}, "stop")
    last["choices"][0]["usage"] = USAGE
    assert _tapped(delta({"content": "a"}), last)[0].usage == Usage(input=3, output=2)
    tap, _ = _tapped(delta({"content": "a"}), last, {"choices": [], "usage": {**USAGE, "completion_tokens": 7}})
    assert tap.usage == Usage(input=3, output=7)


@pytest.mark.parametrize(
    ("fields", "committed"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"content": None, "reasoning": "", "tool_calls": []}, False),
        ({"content": "a"}, True),
        ({"reasoning_content": "a"}, True),
        ({"reasoning": "a"}, True),
        ({"refusal": "a"}, True),
        ({"tool_calls": [{"index": 0}]}, True),
        ({"content": [{"type": "thinking"}]}, True),
    ],
)
def test_what_commits(fields: dict[str, Any], committed: bool) -> None:
    assert _tapped(delta(fields))[0].committed is committed


@pytest.mark.parametrize(
    ("chunk", "hidden"),
    [
        ({"choices": [], "usage": USAGE}, True),
        ({"choices": [], "usage": None}, False),
        ({"choices": [], "prompt_filter_results": []}, False),
        (delta({}, usage=USAGE), False),
    ],
)
def test_only_the_usage_event_is_hidden(chunk: Any, hidden: bool) -> None:
    assert _tapped(delta({"content": "a"}), chunk)[1][1] is hidden


def test_text_that_looks_like_fields_is_text() -> None:
    tap, _ = _tapped(delta({"content": "a"}), delta({"content": '"usage": {"prompt_tokens": 9}, "finish_reason": "stop", "error": {}'}))
    assert (tap.usage, tap.finished, tap.error) == (None, False, None)


def test_errors() -> None:
    tap, _ = _tapped(delta({"content": "a"}), {"error": {"message": "no", "code": 429}})
    assert tap.error is not None
    assert (tap.error.message, tap.error.status, tap.finished) == ("no", 429, False)
    named = ChatTap()
    named.feed("error", b'{"message": "no"}')
    assert named.error is not None


@pytest.mark.parametrize(
    "data", [b"", b"x", b"[]", b"7", b'{"choices": 3}', b'{"choices": [{"index": 0, "delta": 7}], "usage": 3, "model": 1}']
)
def test_junk_is_passed_over(data: bytes) -> None:
    tap, hidden = _tapped(data)
    assert (tap.usage, tap.model, tap.finished, tap.error, hidden) == (None, None, False, None, [False])


def test_groqs_usage() -> None:
    assert _tapped(delta({}, "stop", x_groq={"usage": USAGE}))[0].usage == Usage(input=3, output=2)


@pytest.mark.parametrize(
    ("body", "model", "usage"),
    [
        ({"model": "m", "usage": USAGE, "choices": []}, "m", Usage(input=3, output=2)),
        ({"model": 7, "usage": []}, None, None),
        ({"model": "m", "x_groq": {"usage": USAGE}}, "m", Usage(input=3, output=2)),
        ([], None, None),
    ],
)
def test_whole_answers(body: Any, model: str | None, usage: Usage | None) -> None:
    found = tap_whole(json.dumps(body).encode())
    assert (found.model, found.usage) == (model, usage)


@pytest.mark.parametrize("body", [b"", b"{", b'"\xff"', b"[" * 9999])
def test_whole_answers_that_are_none(body: bytes) -> None:
    assert tap_whole(body).usage is None
