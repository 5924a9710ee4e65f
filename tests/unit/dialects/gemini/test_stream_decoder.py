import json
from typing import Any

from tidegate.dialects.gemini import DIALECT
from tidegate.ir.content import Origin, Text
from tidegate.ir.events import Event
from tidegate.ir.fold import fold

ORIGIN = Origin("gemini", "p", "m")


def _candidate(index: int | None, text: str, finish: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}
    return found if index is None else {**found, "index": index}


def test_of_several_candidates_only_the_first_is_kept() -> None:
    decoder, tap = DIALECT.stream_decoder(ORIGIN), DIALECT.tap()
    events: list[Event] = []
    for candidates in (
        [_candidate(1, "other", "MAX_TOKENS"), _candidate(0, "a")],
        [_candidate(1, "other")],
        [_candidate(None, "b", "STOP")],
    ):
        data = json.dumps({"candidates": candidates}).encode()
        events += decoder.feed("", data)
        tap.feed("", data)
        assert tap.finished == (candidates[0].get("index") is None)
    answer = fold([*events, *decoder.end()], "gemini")
    assert answer.blocks == [Text("ab")]
    assert answer.stop.raw == "STOP"
