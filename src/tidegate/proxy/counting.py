"""Counting the tokens of a request: asked of the provider where it speaks the dialect, else estimated from the neutral request.

An estimate says so in `x-tidegate-receipt`. Nothing is billed, so no usage event is written.
"""

import asyncio

import msgspec

from tidegate.dialects.choose import passes
from tidegate.dialects.reading import as_body
from tidegate.dialects.references import mentions
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.ports import UpstreamFailure
from tidegate.proxy.access import authorize
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.estimate import estimate
from tidegate.proxy.failure import failure_of
from tidegate.proxy.headers import RawHeaders, header_value, returned
from tidegate.proxy.named import resolved
from tidegate.proxy.prepare import prepare
from tidegate.proxy.relay import is_object
from tidegate.proxy.reply import JSON, Reply

_NO_SUCH_SURFACE = (404, 405, 501)


async def count_tokens(app: App, call: Call, reply: Reply) -> None:
    """The count for the first target of the plan. Raises `GatewayError`."""
    read = call.dialect.read_count
    if read is None:
        raise GatewayError(Error(kind=ErrorKind.NOT_FOUND, message=f"{call.dialect.name} has no counting of tokens.", code="unknown_url"))
    call.fields = scanned(call.body)
    if not call.head.model:
        call.head = call.dialect.head(call.fields)
    # A route's defaults are for answers: a provider refuses `max_tokens` here.
    plan = msgspec.structs.replace(call.planner.plan(call.key, call.head.model), defaults={})
    if mentions(call.fields, call.dialect.name):
        plan = await resolved(app, call, plan)
    target = plan.targets[0]
    provider = target.dialect_for(call.dialect.name)
    if passes(call.dialect.name, provider, call.body) and await _asked(app, call, plan, reply):
        return
    count = await asyncio.to_thread(estimate, read(as_body(call.body)), app.tokens, target.model)
    receipt = b"emulated:input_tokens"
    await _send(reply, 200, msgspec.json.encode({call.dialect.count_field: count}), target, [(b"x-tidegate-receipt", receipt)])


async def _asked(app: App, call: Call, plan: Plan, reply: Reply) -> bool:
    """Passes the call on. False where the provider has no such surface."""
    target = plan.targets[0]
    prepared = prepare(app, call, plan, target)
    address, mark, query = prepared.url.partition("?")
    dialect = prepared.dialect
    prepared = msgspec.structs.replace(prepared, url=f"{address.removesuffix(dialect.count_instead)}{dialect.count_path}{mark}{query}")
    if prepared.exchange:
        await authorize(app, target, prepared)
    sent = dialect.count_body(prepared.body, target.model)
    try:
        answer = await app.upstream.open(target.upstream, prepared.url, prepared.headers, sent, stream=False)
        try:
            body = await answer.read(1 << 20)
        finally:
            answer.close()
    except UpstreamFailure as broken:
        body = call.dialect.encode_error(failure_of(broken, target).error, call.request_id)
        await _send(reply, failure_of(broken, target).error.http_status, body, target, [])
        return True
    if answer.status in _NO_SUCH_SURFACE or not is_object(body):
        return False
    await _send(reply, answer.status, body, target, returned(answer.headers))
    return True


async def _send(reply: Reply, status: int, body: bytes, target: Target, headers: RawHeaders) -> None:
    await reply.whole(status, JSON, body, [(b"x-tidegate-target", header_value(target.name)), *headers])
