"""Answers as providers give them on their worse days, and with what they invented last: unknown events and blocks, empty and null fields,
several choices, the provider's own tools, odd usage, broken arguments, streams without an end (`odd_answers.jsonl`, by the documents and by
what was reported of them; `fails` marks those that are errors). Each is told to a client of every other dialect.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.laws.recorded import text_of
from tests.laws.subject import STAMP, well_formed
from tests.laws.subjects.table import SUBJECTS
from tests.laws.test_written import Published

from tidegate.ir.content import Refusal, ToolUse
from tidegate.ir.errors import GatewayError
from tidegate.ir.events import Event, Failed
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response
from tidegate.wire.eventstream import frame

ROWS = [json.loads(line) for line in (Path(__file__).parent / "odd_answers.jsonl").read_text().splitlines()]
BY_NAME = {subject.name: subject for subject in SUBJECTS}


def _read(row: dict[str, Any]) -> tuple[Response, list[Event]] | None:
    """The answer and its events; None where it is an error, as a whole or in a stream."""
    subject = BY_NAME[row["dialect"]]
    if "whole" in row:
        try:
            answer = subject.dialect.decode_response(json.dumps(row["whole"]).encode(), subject.origin)
        except GatewayError as refused:
            assert refused.error.message
            return None
        return answer, list(unfold(answer))
    body = row["sse"].encode() if "sse" in row else b"".join(frame(json.dumps(payload).encode(), event) for event, payload in row["frames"])
    events = subject.events(body)
    assert events == subject.events(body, 3)
    if isinstance(events[-1], Failed):
        return None
    assert well_formed(events)
    return fold(events, subject.name), events


def _calls(answer: Response) -> list[Any]:
    """Names and arguments; what is no JSON object is put into one field where a dialect has objects only."""
    return [(block.name, _plain(block.arguments)) for block in answer.blocks if isinstance(block, ToolUse)]


def _plain(arguments: str) -> Any:
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    return next(iter(value.values())) if isinstance(value, dict) and list(value) in (["input"], ["arguments"]) else value


def _said(answer: Response) -> Any:
    refusals = [block.text for block in answer.blocks if isinstance(block, Refusal)]
    usage = answer.usage
    counts = None if usage is None else (usage.input, usage.output, usage.cache_read or 0)
    return (text_of(answer) if not refusals else sorted(text_of(answer)), _calls(answer), answer.stop.reason, counts)


@pytest.fixture(scope="module")
def published(specs_dir: Path) -> Published:
    return Published(specs_dir)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['dialect']}-{row['case']}-{'whole' if 'whole' in row else 'stream'}")
def test_an_odd_answer_is_told_whole_and_streamed_alike_in_the_published_types(row: dict[str, Any], published: Published) -> None:
    found = _read(row)
    assert (found is None) == row.get("fails", False)
    if found is None:
        return
    answer, events = found
    for client in SUBJECTS:
        if client.name == row["dialect"]:
            continue
        body, stream = client.dialect.encode_response(answer, STAMP, client.asked).body, client.written(events)
        assert published.faults(client, body, streamed=False) == []
        assert published.faults(client, stream, streamed=True) == []
        whole = client.dialect.decode_response(body, client.origin)
        streamed = fold(client.events(stream), client.name)
        assert _said(whole) == _said(streamed)
        assert sorted(text_of(whole)) == sorted(text_of(answer))
        assert _calls(whole) == _calls(answer)
        ids = [block.id for block in whole.blocks if isinstance(block, ToolUse)]
        assert all(ids)
        assert len(set(ids)) == len(ids)
