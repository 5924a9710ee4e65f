"""`GET /v1/models` and `GET /v1/models/{id}`: the names that a caller may use, in the shape that its dialect has for them.

Shapes: https://platform.openai.com/docs/api-reference/models and https://docs.anthropic.com/en/api/models-list. The catalogue does not
know when a model was released; Anthropic's documentation gives the epoch for that case.
"""

from typing import cast
from urllib.parse import parse_qs

import msgspec

from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.route import PublicModel
from tidegate.policy.snapshot import Target
from tidegate.providers.spec import Free, Price
from tidegate.proxy import google_models
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.find_model import find
from tidegate.proxy.reply import JSON, Reply

_EPOCH = "1970-01-01T00:00:00Z"


async def models(_app: App, call: Call, reply: Reply) -> None:
    """The list. Anthropic clients page with `limit`, `after_id` and `before_id`; without a limit they get everything."""
    if call.dialect.name == "gemini":
        await google_models.models(call, reply)
        return
    shown = call.planner.models(call.key)
    query = parse_qs(call.query.decode("latin-1"))
    if query.get("free", [""])[0].lower() in ("true", "1"):
        shown = [model for model in shown if model.target.free is not None]
    if call.dialect.name != "anthropic":
        await _send(reply, {"object": "list", "data": [_openai(model) for model in shown]})
        return
    names = [model.name for model in shown]
    start, end = _page(names, query)
    page = shown[start:end]
    await _send(
        reply,
        {
            "data": [_anthropic(model) for model in page],
            "has_more": end < len(shown),
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        },
    )


def _page(names: list[str], query: dict[str, list[str]]) -> tuple[int, int]:
    limit = query.get("limit", [""])[0]
    if limit and not (limit.isdigit() and 1 <= int(limit) <= 1000):
        raise bad_request("`limit` must be a number from 1 to 1000.", "limit")
    size = int(limit) if limit else len(names)
    after, before = query.get("after_id", [""])[0], query.get("before_id", [""])[0]
    for cursor in (after, before):
        if cursor and cursor not in names:
            raise bad_request(f"`{cursor[:128]}` is not the id of a model in this list.", "after_id" if cursor == after else "before_id")
    if before:
        end = names.index(before)
        return max(0, end - size), end
    start = names.index(after) + 1 if after else 0
    return start, min(len(names), start + size)


async def model(_app: App, call: Call, reply: Reply) -> None:
    """One model, by any name that a request may use. Raises `GatewayError` NOT_FOUND with near names."""
    if call.dialect.name == "gemini":
        await google_models.model(call, reply)
        return
    listed = find(call, call.params["model"])
    await _send(reply, _anthropic(listed) if call.dialect.name == "anthropic" else _openai(listed))


def _openai(model: PublicModel) -> dict[str, Json]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.target.upstream.name, "tidegate": described(model.target)}


def described(target: Target) -> dict[str, Json]:
    """What is known of a model: a field of its own, which clients leave alone. `origin`, `source` and `date` say who says so, and where and
    when that was read, `listed` the day on which the provider's own list had it. Prices are in nano-dollars per million tokens, with their
    own source and date; what is not known is left out."""
    capabilities = target.profile.capabilities
    inputs = ["text"] + [kind for kind, has in (("image", capabilities.vision), ("document", capabilities.documents)) if has]
    inputs += ["audio"] if capabilities.audio else []
    told: dict[str, Json] = {
        "target": target.name,
        "input": cast("list[Json]", inputs),
        "tools": capabilities.tools,
        "thinking": capabilities.thinking,
        "structured": capabilities.structured,
        "origin": target.origin,
    }
    for name, value in (
        ("source", target.source or None),
        ("date", target.date or None),
        ("listed", target.listed or None),
        ("context", capabilities.context),
        ("max_output", capabilities.max_output),
        ("deprecated", target.deprecated),
        ("price", None if target.price is None else _known(target.price)),
        ("free", None if target.free is None else _known(target.free)),
    ):
        if value is not None:
            told[name] = value
    return told


def _known(row: Price | Free) -> dict[str, Json]:
    """The fields of a row of the catalogue that say something."""
    return _said({name: value for name, value in msgspec.to_builtins(row).items() if name != "match"})


def _said(fields: JsonObject) -> JsonObject:
    inner = {name: _said(value) if type(value) is dict else value for name, value in fields.items()}
    return {name: value for name, value in inner.items() if value not in (None, "", [], {})}


def _anthropic(model: PublicModel) -> dict[str, Json]:
    capabilities = model.target.profile.capabilities
    sizes = {"max_input_tokens": capabilities.context, "max_tokens": capabilities.max_output}
    told: JsonObject = {name: size for name, size in sizes.items() if size is not None}
    return {"type": "model", "id": model.name, "display_name": model.name, "created_at": _EPOCH, **told}


async def _send(reply: Reply, value: Json) -> None:
    await reply.whole(200, JSON, msgspec.json.encode(value), [])
