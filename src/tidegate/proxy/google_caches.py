"""Cached contents of Google's API: the provider keeps them, and whose they are is known here, so that only their organisation names them in
a request, sees or deletes them. Making one is a call like every other: it has a route, limits, and a line in the ledger.

Shape: https://ai.google.dev/api/caching
"""

import datetime
from urllib.parse import parse_qs, urlencode

import msgspec

from tidegate.dialects.base import Head, Whole
from tidegate.dialects.gemini import DIALECT
from tidegate.dialects.openai_chat.usage import count
from tidegate.dialects.operations.taps import NO_ANSWER
from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.content import Origin
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request, unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.response import Response, Stop
from tidegate.ir.usage import Usage
from tidegate.policy.credentials import with_account
from tidegate.policy.route import Plan
from tidegate.policy.sending import address
from tidegate.policy.snapshot import Target
from tidegate.ports import UpstreamFailure
from tidegate.ports.kept import Kept, Listing, Put
from tidegate.proxy.app import App
from tidegate.proxy.body import in_full, scanned
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import prove
from tidegate.proxy.google_files import page_of
from tidegate.proxy.headers import header_value, outbound, returned, without_secrets
from tidegate.proxy.inside import NobodysClient
from tidegate.proxy.kept import no_such
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.provider_kept import own_headers
from tidegate.proxy.relay import WHOLE_LIMIT
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.through import through
from tidegate.records import Tenant
from tidegate.wire.splice import splice

KIND = "Cached content"
_PATH = "/cachedContents"
_STEM = "cachedContents/"
_HOUR = 3600.0
"""Seconds that a cache lasts whose end its provider does not say, as Google has it."""
_OK, _GONE = 200, 404


async def create(app: App, call: Call, reply: Reply) -> None:
    """Raises `GatewayError` where the client has got nothing yet."""
    call.fields = scanned(call.body)
    model = in_full(call.body).get("model")
    if type(model) is not str or not model:
        raise bad_request("`model` is missing: the name of the model that the cache is for.", "model", "missing_required_parameter")
    call.head = Head(model.removeprefix("models/"), stream=False)
    call.acts = True
    plan = call.planner.plan(call.key, call.head.model)
    client = NobodysClient()
    await through(app, call, plan, Reply(client, []), _prepare)
    body, target = bytes(client.told), call.target
    if client.status == _OK and target is not None:
        row = Kept(
            org=call.key.org,
            id=text_or_empty(object_or_empty(parse(body)).get("name")),
            key=call.key.id,
            kind="cache",
            upstream=target.upstream.name,
            account=target.account_id,
            at=call.at,
            expires=call.at + _HOUR,
            state="cache",
        )
        await (await app.conversations.store()).write(Tenant(row.org), [Put(_noted(row, body))])
    headers = [(name, value) for name, value in client.given if name != b"content-type"]
    await reply.whole(client.status, JSON, body, headers)


def _prepare(_app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    proof = prove(call, plan, call.planner.sending(target, call.dialect))
    if target.upstream.spec.dialect != DIALECT.name or target.upstream.parts or proof.exchange:
        raise unsupported(f"{target.name} has no cached contents here: they are kept by the provider `gemini`, with an API key.", "model")
    return Prepared(
        url=address(target, _PATH),
        headers={**outbound(call, DIALECT, identity=True), **proof.headers},
        body=splice(call.fields, {"model": dump(f"models/{target.model.removeprefix('models/')}")}),
        dialect=_WIRE,
        origin=Origin(DIALECT.name, target.upstream.spec.name, target.model),
        losses=[*call.losses],
        credential=proof.credential,
        output=0,
    )


def _usage_of(body: bytes) -> Whole:
    """What was read to make the cache is paid for like a prompt."""
    told = object_or_empty(object_or_empty(parse(body)).get("usageMetadata"))
    tokens = count(told.get("totalTokenCount"))
    return Whole(None, None if tokens is None else Usage(input=tokens, output=0))


def _refuse_others(body: bytes, _origin: Origin) -> Response:
    """Raises `GatewayError` where an answer is no cached content."""
    if not text_or_empty(object_or_empty(parse(body)).get("name")):
        raise GatewayError(NO_ANSWER)
    return Response(dialect=DIALECT.name, id="", model="", blocks=[], stop=Stop("end"))


_WIRE = msgspec.structs.replace(DIALECT, path=_PATH, tap_whole=_usage_of, decode_response=_refuse_others)


def _noted(row: Kept, body: bytes) -> Kept:
    """With what the provider says of it."""
    told = object_or_empty(parse(body))
    try:
        ends = datetime.datetime.fromisoformat(text_or_empty(told.get("expireTime"))).timestamp()
    except ValueError:
        ends = row.expires
    return msgspec.structs.replace(row, body=dump(told), expires=ends)


async def get(app: App, call: Call, reply: Reply) -> None:
    await _forwarded(app, call, reply, "GET")


async def update(app: App, call: Call, reply: Reply) -> None:
    """How long it lasts: `ttl` or `expireTime`."""
    await _forwarded(app, call, reply, "PATCH")


async def delete(app: App, call: Call, reply: Reply) -> None:
    await _forwarded(app, call, reply, "DELETE")


async def listed(app: App, call: Call, reply: Reply) -> None:
    """From the gateway's own records, as the provider told of each last."""
    size, after = page_of(call)
    store = await app.conversations.store()
    rows = await store.page(Tenant(call.key.org), Listing(kinds=("cache",), after=after, limit=size + 1))
    found: list[Json] = [object_or_empty(parse(row.body)) for row in rows[:size]]
    page: JsonObject = {"cachedContents": found} if found else {}
    if len(rows) > size:
        page["nextPageToken"] = rows[size - 1].id
    await reply.whole(200, JSON, dump(page), [])


async def _forwarded(app: App, call: Call, reply: Reply, method: str) -> None:
    """Passes the call on to the provider that has it. Raises `GatewayError`."""
    id = _STEM + call.params["id"]
    row = await (await app.conversations.store()).get(Tenant(call.key.org), id)
    upstream = None if row is None or row.kind != "cache" else with_account(call.snapshot, row.org, row.upstream, row.account)
    if row is None or upstream is None:
        raise no_such(KIND, id)
    query = {name: values[0] for name, values in parse_qs(call.query.decode("latin-1")).items() if name == "updateMask"}
    url = f"{upstream.base_url}/{id}{'?' + urlencode(query) if query else ''}"
    sent = dict(own_headers(upstream))
    try:
        answer = await app.upstream.open(upstream, url, sent, call.body, stream=False, method=method)
        try:
            body = await answer.read(WHOLE_LIMIT)
        finally:
            answer.close()
    except UpstreamFailure as broken:
        raise GatewayError(Error(kind=ErrorKind.UPSTREAM, message=f"{upstream.name} cannot be asked: {broken}")) from None
    store = await app.conversations.store()
    if answer.status == _GONE or (answer.status == _OK and method == "DELETE"):
        await store.remove(Tenant(row.org), row.id)
    elif answer.status == _OK and method == "PATCH":
        await store.write(Tenant(row.org), [Put(_noted(row, body))])
    headers = [(b"x-tidegate-target", header_value(upstream.name)), *returned(answer.headers)]
    await reply.whole(answer.status, JSON, body if answer.status == _OK else without_secrets(body, sent), headers)
