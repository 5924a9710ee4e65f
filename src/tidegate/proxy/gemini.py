"""Generations on Google's surfaces: a stream without `alt=sse` is a JSON array (https://ai.google.dev/api/generate-content)."""

from urllib.parse import parse_qs

from tidegate.dialects.base import Dialect
from tidegate.dialects.gemini import ARRAY, DIALECT
from tidegate.proxy import pipeline
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.reply import Reply


async def generate(app: App, call: Call, reply: Reply) -> None:
    """One generation. Raises `GatewayError` where the client has got nothing yet."""
    if call.head.stream:
        call.dialect = spoken(call)
    await pipeline.generate(app, call, reply)


def spoken(call: Call) -> Dialect:
    """The dialect of a stream, by how the client wants it framed."""
    return DIALECT if parse_qs(call.query.decode("latin-1")).get("alt", [""])[0] == "sse" else ARRAY
