"""OpenAI's Responses API as a surface: the call, and what is kept of it.

An answer that its provider keeps is owned: its id is written down with its owner and its provider, and later calls go there. Every other
answer is held by Tidegate, so that `previous_response_id` and conversations work on any model: what was said before goes into the request.
"""

from collections.abc import Sequence
from functools import partial

import msgspec

from tidegate.dialects.values import dump, parse, text_or_empty
from tidegate.ir.errors import GatewayError, bad_request, unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.ports.kept import Kept
from tidegate.proxy import background
from tidegate.proxy.admission import end_user
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.keeping import KeepingClient
from tidegate.proxy.kept import Held, continued, held, items_of, items_of_parts, no_such, output_of
from tidegate.proxy.prepare import prepare
from tidegate.proxy.referred import images_of, items_kept, kept_where, looked, referred, refuse_anothers
from tidegate.proxy.reply import Reply
from tidegate.proxy.through import through
from tidegate.wire.splice import Fields

DAY = 86_400
_PREVIOUS, _CONVERSATION = "previous_response_id", "conversation"
_ENDS = ("completed", "incomplete")


class Chain(msgspec.Struct):
    """What a request goes on from. `before` was said earlier, `input` is what is said now, as it came; `upstream` keeps the rest itself,
    for the credential `account`. `conversation` is what the answer is added to. `missing` is an item that is named and not
    held here."""

    input: bytes | None
    before: list[JsonObject] = []
    upstream: str = ""
    account: str = ""
    conversation: Kept | None = None
    missing: Sequence[str] = ()


async def create(app: App, call: Call, reply: Reply) -> None:
    """`POST /v1/responses`. Raises `GatewayError` where the client has got nothing yet."""
    call.fields = scanned(call.body)
    call.head = call.dialect.head(call.fields)
    asked = call.fields
    chain = await chained(app, call)
    plan = await planned(app, call, chain)
    if chain.upstream:
        plan = only(plan, call, chain)
    elif call.fields.get("background") == b"true":
        if not any(_may_have(target, chain) and target.dialect_for(call.dialect.name) == call.dialect.name for target in plan.targets):
            await _begun(app, call, reply, chain, asked)
            return
        plan = only(plan, call, chain)
    if chain.conversation is not None or _is_kept(call):
        reply.through(lambda client: KeepingClient(client, partial(_keep, app, call, chain)))
    await through(app, call, plan, reply, prepare)


async def planned(app: App, call: Call, chain: Chain) -> Plan:
    """The plan with the targets that have what the request names by id. Raises `GatewayError` for what is another's."""
    plan = call.planner.plan(call.key, call.head.model)
    looks = looked(call, plan)
    named = [*chain.missing, *images_of(looks)]
    if named:
        plan = await kept_where(app, call, plan, named)
    await refuse_anothers(app, call, looks)
    return plan


async def _begun(app: App, call: Call, reply: Reply, chain: Chain, asked: Fields) -> None:
    """Begins a response that the gateway itself waits for. Raises `GatewayError`."""
    if not _is_kept(call):
        raise bad_request("`background` needs a response that is kept: leave `store: false` out, or `background`.", "background")
    said = [*chain.before, *items_of(chain.input, call.id)]
    call.fields = asked
    await background.begin(app, call, reply, said, background.unstored(call), call.at + call.snapshot.server.days_kept(call.key.org) * DAY)


def _is_kept(call: Call) -> bool:
    return call.fields.get("store") != b"false" and call.snapshot.server.days_kept(call.key.org) > 0


async def chained(app: App, call: Call) -> Chain:
    """Looks up what the request refers to, and puts into it what Tidegate holds of that."""
    missing = await referred(app, call)
    chain = await _chained(app, call)
    chain.missing = missing
    return chain


async def _chained(app: App, call: Call) -> Chain:
    fields = call.fields
    said = fields.get("input")
    previous, conversation = _id_of(fields.get(_PREVIOUS), _PREVIOUS), _id_of(fields.get(_CONVERSATION), _CONVERSATION)
    if previous and conversation:
        raise bad_request("`previous_response_id` and `conversation` cannot be used together.", _PREVIOUS, "mutually_exclusive_parameters")
    row = await app.conversations.get(call.key.org, previous or conversation) if previous or conversation else None
    if previous:
        if row is None or row.kind != "response":
            raise no_such("Previous response", previous, _PREVIOUS, "previous_response_not_found")
        if row.state == background.ACTIVE:
            raise bad_request("The previous response is still in progress: wait until it has ended.", _PREVIOUS, "response_in_progress")
        if row.upstream:
            return Chain(said, upstream=row.upstream, account=row.account)
        found = held(row.body)
        return _go_on(call, Chain(said, [*found.input, *output_of(found.response)]), _PREVIOUS)
    if conversation:
        if row is None or row.kind != "conversation":
            raise no_such("Conversation", conversation, _CONVERSATION)
        before = items_of_parts(await app.conversations.parts(row.org, row.id))
        return _go_on(call, Chain(said, before, conversation=row), _CONVERSATION)
    return Chain(said)


def _go_on(call: Call, chain: Chain, field: str) -> Chain:
    call.body = continued(call.fields, chain.before, items_of(chain.input, call.id), field)
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


def only(plan: Plan, call: Call, chain: Chain) -> Plan:
    """The plan's targets whose provider keeps responses, or the one that keeps what the request goes on from."""
    own = call.dialect.name
    targets = tuple(target for target in plan.targets if target.dialect_for(own) == own and _may_have(target, chain))
    if targets:
        return plan.only(targets)
    if chain.upstream:
        raise unsupported(
            f"The previous response is kept by `{chain.upstream}`, and this model is not there: go on with a model of that provider, or "
            "send what was said before in `input`.",
            _PREVIOUS,
        )
    raise unsupported("This model's provider keeps no responses.", "background")


def _may_have(target: Target, chain: Chain) -> bool:
    if not chain.upstream:
        return target.upstream.spec.keeps
    return (target.upstream.name, target.account_id) == (chain.upstream, chain.account)


def _keep(app: App, call: Call, chain: Chain, response: JsonObject) -> None:
    """Writes down who owns the response, or holds it. Called when it begins and when it ends."""
    target, id = call.target, text_or_empty(response["id"])
    ended = response.get("status") in _ENDS
    if target is None:
        return
    theirs = target.upstream.spec.keeps and id != f"resp_{call.id}"
    expires = call.at + max(1, call.snapshot.server.days_kept(call.key.org)) * DAY
    said = _said(call, chain) if ended and (chain.conversation is not None or not theirs) else []
    named = end_user(call.fields, call.dialect.name)
    if chain.conversation is not None and ended:
        app.conversations.add(chain.conversation.org, chain.conversation.id, dump([*said, *output_of(response)]), expires, named)
    if not _is_kept(call) or not (theirs or ended):
        return
    row = Kept(
        org=call.key.org,
        id=id,
        key=call.key.id,
        kind="response",
        upstream=target.upstream.name if theirs else "",
        account=target.account_id if theirs else "",
        at=call.at,
        expires=expires,
        end_user=named,
        body=b"" if theirs else dump(Held([*chain.before, *said], response)),
    )
    app.conversations.put(row)
    if ended and id != f"resp_{call.id}":
        for item in items_kept(row, response):
            app.conversations.put(item)


def _said(call: Call, chain: Chain) -> list[JsonObject]:
    """What the client said now. A provider may have understood what is no list of items to us."""
    try:
        return items_of(chain.input, call.id)
    except GatewayError:
        return []
