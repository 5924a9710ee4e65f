"""What became of a call for its client, by the answer's words alone and with the same eyes for every gateway: whether it is whole, whether
its client was told that it is not, or whether it was left to believe a broken one.

More lenient than the judge of Tidegate's own drills, which also looks for breaches of a dialect's grammar: a chunk too many harms nobody
here.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from tests.faults.rig.calls import Transcript

WHOLE, REFUSED, TOLD, CUT = "whole", "an error answer", "an error in the stream", "cut off"
SHORT, FORGED, MIXED, NO_DIALECT, WAITED = "silently short", "a forged end", "another text", "bytes of no dialect", "never ended"
LIES = (SHORT, FORGED, MIXED)
"""After these a client believes what is not so."""
_STOPS = {"message_delta", "message_stop", "response.completed", "response.incomplete"}


class Heard(msgspec.Struct):
    """`ended`: the provider's own end was passed on, or one was made up."""

    text: str = ""
    ended: bool = False
    failed: bool = False


def outcome(transcript: Transcript, texts: Sequence[str]) -> str:
    """`texts` are what each target would say to it."""
    if transcript.end == "patience":
        return WAITED
    if transcript.status is None or transcript.end == "cut":
        return CUT
    if transcript.status != 200:
        return REFUSED
    try:
        heard = listen(transcript.body) if transcript.call.stream else read(transcript.body)
    except ValueError:
        return NO_DIALECT
    if not any(text.startswith(heard.text) for text in texts):
        return MIXED
    if heard.failed:
        return TOLD
    if heard.text in texts and heard.ended:
        return WHOLE
    return FORGED if heard.ended else SHORT


def told(outcomes: Iterable[str]) -> str:
    """How many of each, those that matter least first."""
    order = (WHOLE, REFUSED, TOLD, CUT, NO_DIALECT, WAITED, SHORT, FORGED, MIXED)
    counts = Counter(outcomes)
    return ", ".join(f"{counts[kind]} {kind}" for kind in order if counts[kind])


def read(body: bytes) -> Heard:
    """A whole answer of any dialect."""
    answer = json.loads(body)
    pieces = [choice["message"].get("content") or "" for choice in answer.get("choices") or []]
    pieces += [block.get("text") or "" for block in answer.get("content") or []]
    pieces += [part.get("text") or "" for item in answer.get("output") or [] for part in item.get("content") or []]
    return Heard("".join(pieces), ended=True)


def listen(body: bytes) -> Heard:
    """A stream of any dialect. Raises ValueError where an official client's parser would."""
    heard = Heard()
    for event in _events(body):
        kind = event.get("type")
        if event.get("error") or kind in ("error", "response.failed"):
            heard.failed = True
        elif heard.failed:
            continue
        elif kind in _STOPS:
            heard.ended = True
        elif kind == "content_block_delta":
            heard.text += event["delta"].get("text") or ""
        elif kind == "response.output_text.delta":
            heard.text += event["delta"]
        else:
            for choice in event.get("choices") or []:
                heard.text += (choice.get("delta") or {}).get("content") or ""
                heard.ended = heard.ended or choice.get("finish_reason") is not None
    return heard


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    """What the `data` lines say, without the marker at the end of an OpenAI stream, which follows errors too at some providers."""
    for line in body.decode("utf-8").splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            event = json.loads(data)
            if isinstance(event, dict):
                yield event
        elif line and not line.startswith(("data:", "event:", "id:", "retry:", ":")):
            raise ValueError(f"no line of an event: {line[:80]!r}")
