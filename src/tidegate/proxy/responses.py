"""OpenAI's Responses API as a surface: the call, and what is kept of it.

An answer that its provider keeps is owned: its id is written down with its owner and its provider, and later calls go there. Every other
answer is held by Tidegate, so that `previous_response_id` and conversations work on any model: what was said before goes into the request.
"""

from functools import partial

import msgspec

from tidegate.dialects.values import dump, parse, text_or_empty
from tidegate.ir.errors import bad_request, unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.route import Plan
from tidegate.ports import Kept, RawHeaders
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.keeping import KeepingClient
from tidegate.proxy.kept import Held, Talk, continued, held, items_of, no_such, output_of, talk
from tidegate.proxy.pipeline import through
from tidegate.proxy.prepare import prepare
from tidegate.proxy.reply import Reply

DAY = 86_400
_PREVIOUS, _CONVERSATION = "previous_response_id", "conversation"
_ENDS = ("completed", "incomplete")


class _Chain(msgspec.Struct):
    """What a request goes on from. `before` was said earlier and `new` is said now; `upstream` keeps the rest itself."""

    before: list[JsonObject]
    new: list[JsonObject]
    upstream: str = ""
    conversation: Kept | None = None


async def create(app: App, call: Call, reply: Reply) -> None:
    """`POST /v1/responses`. Raises `GatewayError` where the client has got nothing yet."""
    call.fields = scanned(call.body)
    call.head = call.dialect.head(call.fields)
    chain = await _chained(app, call)
    plan = call.planner.plan(call.key, call.head.model)
    if chain.upstream:
        plan = _only(plan, call, upstream=chain.upstream)
    elif call.fields.get("background") == b"true":
        plan = _only(plan, call)
    reply.through(lambda client: KeepingClient(client, partial(_keep, app, call, chain)))
    await through(app, call, plan, reply, prepare)


async def _chained(app: App, call: Call) -> _Chain:
    """Looks up what the request refers to, and puts into it what Tidegate holds of that."""
    fields = call.fields
    new = items_of(fields.get("input"), call.id)
    previous, conversation = _id_of(fields.get(_PREVIOUS), _PREVIOUS), _id_of(fields.get(_CONVERSATION), _CONVERSATION)
    if previous and conversation:
        raise bad_request("`previous_response_id` and `conversation` cannot be used together.", _PREVIOUS, "mutually_exclusive_parameters")
    row = await app.conversations.get(call.key.org, previous or conversation) if previous or conversation else None
    if previous:
        if row is None or row.kind != "response":
            raise no_such("Previous response", previous, _PREVIOUS, "previous_response_not_found")
        if row.upstream:
            return _Chain([], new, row.upstream)
        found = held(row.body)
        return _go_on(call, _Chain([*found.input, *output_of(found.response)], new), _PREVIOUS)
    if conversation:
        if row is None or row.kind != "conversation":
            raise no_such("Conversation", conversation, _CONVERSATION)
        return _go_on(call, _Chain(talk(row.body).items, new, conversation=row), _CONVERSATION)
    return _Chain([], new)


def _go_on(call: Call, chain: _Chain, field: str) -> _Chain:
    call.body = continued(call.fields, chain.before, chain.new, field)
    call.fields = scanned(call.body)
    return chain


def _id_of(raw: bytes | None, field: str) -> str:
    """The id, as text or (of a conversation) in an object; empty where the field says nothing."""
    value: Json = None if raw is None else parse(raw)
    if type(value) is dict and field == _CONVERSATION:
        value = value.get("id")
    if value is None:
        return ""
    if type(value) is not str:
        raise bad_request(f"{field}: must be a string", field, "invalid_type")
    return value


def _only(plan: Plan, call: Call, *, upstream: str = "") -> Plan:
    """The plan's targets whose provider keeps responses, or the one that keeps what the request goes on from."""
    own = call.dialect.name
    targets = tuple(
        target
        for target in plan.targets
        if target.dialect_for(own) == own and (target.upstream.name == upstream if upstream else target.upstream.spec.keeps)
    )
    if targets:
        return msgspec.structs.replace(plan, targets=targets)
    if upstream:
        raise unsupported(
            f"The previous response is kept by `{upstream}`, and this model is not there: go on with a model of that provider, or send "
            "what was said before in `input`.",
            _PREVIOUS,
        )
    raise unsupported("`background` needs a provider that keeps responses itself, and this model has none: leave it out.", "background")


def _keep(app: App, call: Call, chain: _Chain, response: JsonObject, headers: RawHeaders) -> None:
    """Writes down who owns the response, or holds it. Called when it begins and when it ends."""
    ended = response.get("status") in _ENDS
    name = next((value for field, value in headers if field == b"x-tidegate-target"), b"").decode("latin-1").partition("/")[0]
    upstream = call.snapshot.upstreams.get(name)
    days = call.snapshot.server.days_kept(call.key.org)
    said = [*chain.before, *chain.new]
    if chain.conversation is not None and ended:
        row = chain.conversation
        kept = talk(row.body)
        app.conversations.put(msgspec.structs.replace(row, body=dump(Talk([*said, *output_of(response)], kept.metadata, kept.created))))
    theirs = upstream is not None and upstream.spec.keeps and response["id"] != f"resp_{call.id}"
    if call.fields.get("store") == b"false" or not days or not (theirs or ended):
        return
    app.conversations.put(
        Kept(
            org=call.key.org,
            id=text_or_empty(response["id"]),
            key=call.key.id,
            kind="response",
            upstream=name if theirs else "",
            at=call.at,
            expires=call.at + days * DAY,
            body=b"" if theirs else dump(Held(said, response)),
        )
    )
