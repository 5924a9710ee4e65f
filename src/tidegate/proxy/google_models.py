"""`GET /v1beta/models` and `/v1beta/models/{id}`: the names that a caller may use, in Google's shape.

Shape: https://ai.google.dev/api/models
"""

from urllib.parse import parse_qs

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.json import JsonObject
from tidegate.policy.route import PublicModel
from tidegate.proxy.call import Call
from tidegate.proxy.find_model import find
from tidegate.proxy.reply import JSON, Reply

_PREFIX = "models/"
_PAGE = 1000
_METHODS = ("generateContent", "streamGenerateContent", "countTokens")
_EMBEDDING = ("embedContent", "batchEmbedContents")


async def models(call: Call, reply: Reply) -> None:
    """The list, in pages of `pageSize` where the client asks for them; `pageToken` is the place of the next one."""
    query = parse_qs(call.query.decode("latin-1"))
    size, token = query.get("pageSize", [""])[0], query.get("pageToken", [""])[0]
    for name, text in (("pageSize", size), ("pageToken", token)):
        if text and not (text.isascii() and text.isdigit() and len(text) < 8):
            raise bad_request(f"`{name}` must be a number.", name)
    shown = call.planner.models(call.key)
    start = int(token or 0)
    end = start + max(1, min(int(size or _PAGE), _PAGE))
    page: JsonObject = {"models": [_model(model) for model in shown[start:end]]}
    if end < len(shown):
        page["nextPageToken"] = str(end)
    await reply.whole(200, JSON, msgspec.json.encode(page), [])


async def model(call: Call, reply: Reply) -> None:
    """One model, by any name that a request may use. Raises `GatewayError` NOT_FOUND with near names."""
    name = call.params["model"]
    if ":" in name and name.rpartition(":")[2] in (*_METHODS, *_EMBEDDING):
        message = f"{name.rpartition(':')[2]} is asked for with POST."
        raise GatewayError(Error(kind=ErrorKind.METHOD_NOT_ALLOWED, message=message, code="method_not_allowed"))
    await reply.whole(200, JSON, msgspec.json.encode(_model(find(call, name))), [])


def _model(model: PublicModel) -> JsonObject:
    capabilities = model.target.profile.capabilities
    out: JsonObject = {"name": _PREFIX + model.name, "version": model.target.model, "displayName": model.name}
    if capabilities.context is not None:
        out["inputTokenLimit"] = capabilities.context
    if capabilities.max_output is not None:
        out["outputTokenLimit"] = capabilities.max_output
    out["supportedGenerationMethods"] = [*_METHODS]
    if capabilities.thinking != "none":
        out["thinking"] = True
    return out
