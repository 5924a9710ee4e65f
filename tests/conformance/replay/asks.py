"""The requests that clients send: the recorded one with another model name, or a plain one in the other dialect."""

import base64
import json
import re
import zlib
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.support.recordings import Exchange

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
    )
).decode()
PDF = base64.b64encode(
    b"%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj trailer<</Root 1 0 R>>\n%%EOF"
).decode()
_ELIDED = re.compile(r"ELIDED_\d+_\w+")
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/",
}
CLIENTS = tuple(PATHS)
WAYS = ((True, "whole"), (False, "whole"), (True, "random:3"), (False, "random:4"))
"""Whether a stream is asked for, and how the provider's answer is cut."""


class Way(NamedTuple):
    """`cut`: as the provider's answer comes. `usage`: whether a client that can ask for the usage of a stream does."""

    stream: bool
    cut: str
    usage: bool


def ways(exchange: Exchange) -> tuple[Way, ...]:
    """All of `WAYS` for a stream. What is no stream the gateway reads to its end first, so each form and each kind of cut comes once."""
    if exchange.streamed:
        return tuple(Way(stream, cut, usage=cut == "whole") for stream, cut in WAYS)
    return (Way(True, "whole", usage=zlib.crc32(exchange.id.encode()) % 4 > 0), Way(False, "random:4", usage=False))


def google_url(model: str, *, stream: bool, sse: bool = True) -> str:
    """Where a Gemini client asks a model."""
    method = f"streamGenerateContent{'?alt=sse' if sse else ''}" if stream else "generateContent"
    return f"{PATHS['gemini']}{quote(model, safe='/~')}:{method}"


def recorded(exchange: Exchange, model: str) -> dict[str, Any]:
    """The recorded request for `model`, with small files where long ones were left out of the recording."""
    request = exchange.request or {}
    body = {"model": model} | request | {"model": model}
    return {name: _refilled(value, "") for name, value in body.items()}


def _refilled(value: Any, kind: str) -> Any:
    match value:
        case str() if "ELIDED_" in value:
            return _ELIDED.sub(PDF if "pdf" in kind + value else PNG, value)
        case dict():
            kind = str(value.get("media_type") or value.get("filename") or kind)
            return {name: _refilled(item, kind) for name, item in value.items()}
        case list():
            return [_refilled(item, kind) for item in value]
        case _:
            return value


def written(exchange: Exchange, body: dict[str, Any]) -> bytes:
    """The body as bytes, in one of the ways that clients write JSON, always the same for a recording."""
    match zlib.crc32(exchange.id.encode()) % 3:
        case 0:
            return json.dumps(body).encode()
        case 1:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        case _:
            return json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8", "replace")


def stands_alone(exchange: Exchange) -> bool:
    """Whether the recorded request means something without what its provider kept: an earlier response or a conversation of the recording's
    own account is another tenant's here, and refused; and no provider of the suite keeps what runs in the background."""
    request = exchange.request or {}
    return not (request.get("previous_response_id") or request.get("conversation") or request.get("background"))


def plain(client: str, exchange: Exchange, model: str, *, stream: bool) -> dict[str, Any]:
    """A request of the client's dialect that offers the tools which the recorded answer calls. Streams ask for usage."""
    names = sorted({str(call["name"]) for call in exchange.expect.get("tool_calls") or []})
    schema = {"type": "object", "properties": {}}
    if client == "gemini":
        plainly: dict[str, Any] = {"model": model, "stream": stream, "contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
        if names:
            plainly["tools"] = [{"functionDeclarations": [{"name": name, "parametersJsonSchema": schema} for name in names]}]
        return plainly
    if client == "openai_responses":
        asked: dict[str, Any] = {"model": model, "input": "Hello", "stream": stream}
        if names:
            asked["tools"] = [{"type": "function", "name": name, "parameters": schema, "strict": False} for name in names]
        return asked
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    if client == "anthropic":
        body["max_tokens"] = 1024
        if names:
            body["tools"] = [{"name": name, "input_schema": schema} for name in names]
        return body
    if names:
        body["tools"] = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    if stream:
        body["stream_options"] = {"include_usage": True}
    return body
