"""The recorded provider traffic of TIDEGATE_RECORDINGS as values: one `Exchange` for each line of the APIs that are asked for."""

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

DIALECT_OF = {
    "openai.chat": "openai_chat",
    "anthropic.messages": "anthropic",
    "openai.responses": "openai_responses",
    "gemini.generate": "gemini",
}
"""The recordings' word for an API, and the gateway's for its wire format."""
BEDROCK = {"bedrock.converse": "bedrock_converse", "bedrock.invoke": "bedrock.invoke"}
"""The same of Bedrock's, whose answers come in frames of their own; `invoke` has the body of whatever model it is for."""


class Line(msgspec.Struct, kw_only=True):
    """What is used of one line; the folder's README describes all of it."""

    id: str
    provider: str = ""
    model: str | None = None
    api: str = ""
    core: bool = False
    status: int = 0
    stream: bool = False
    fidelity: str = ""
    url: str = ""
    request_body: Any = None
    response_headers: dict[str, Any] | None = None
    response_body: Any = None
    response_body_b64: str | None = None
    sse: str | None = None
    expect: dict[str, Any] | None = None
    kinds: list[str] | None = None


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer. `dialect` is the API's own name where it is of no dialect. `request` is None
    where it was not recorded; `streamed` = the answer is a stream of events."""

    id: str
    provider: str
    model: str
    dialect: str
    core: bool
    status: int
    asked_stream: bool
    request: dict[str, Any] | None
    answer: bytes
    streamed: bool
    headers: dict[str, str]
    expect: dict[str, Any]
    kinds: frozenset[str]


def read_recordings(folder: Path, apis: frozenset[str] = frozenset(DIALECT_OF)) -> list[Exchange]:
    """All exchanges of `apis`, in the order of the files."""
    return [_exchange(line) for file in sorted(folder.glob("*.jsonl.gz")) for line in _lines(file) if line.api in apis]


def _lines(file: Path) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    with gzip.open(file, "rb") as stream:
        for text in stream:
            if b'"api"' in text:
                yield decoder.decode(text)


def _exchange(line: Line) -> Exchange:
    request = line.request_body if isinstance(line.request_body, dict) else None
    return Exchange(
        id=line.id,
        provider=line.provider,
        model=line.model or "",
        dialect={**DIALECT_OF, **BEDROCK}.get(line.api, line.api),
        core=line.core,
        status=line.status,
        asked_stream=_asked_stream(line, request),
        request=request,
        answer=_answer(line),
        streamed=line.sse is not None or bool(line.response_body_b64),
        headers={
            **({"content-type": "application/vnd.amazon.eventstream"} if line.response_body_b64 else {}),
            **{name.lower(): str(value) for name, value in (line.response_headers or {}).items()},
        },
        expect=line.expect or {},
        kinds=frozenset(line.kinds or ()),
    )


def _asked_stream(line: Line, request: dict[str, Any] | None) -> bool:
    """Said in the URL by Google and Amazon, in the body by the others."""
    if line.api == "gemini.generate":
        return "stream" in line.url.rpartition(":")[2]
    return line.stream if request is None or line.api in BEDROCK else bool(request.get("stream"))


def _answer(line: Line) -> bytes:
    if line.sse is not None:
        return line.sse.encode()
    if line.response_body_b64:
        return base64.b64decode(line.response_body_b64)
    body = line.response_body
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)
