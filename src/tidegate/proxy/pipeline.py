"""A call from top to bottom: the file to read first.

Who calls, what do they ask for, where may it go, and then one target after the other until the client has an answer.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.credentials import spread
from tidegate.policy.identify import pick_token, refuse_query_key
from tidegate.policy.reach import client_address, out_of_place
from tidegate.policy.retry import may_try_next
from tidegate.policy.route import Plan
from tidegate.policy.signed import claimed, is_signed, prove
from tidegate.policy.snapshot import Target
from tidegate.ports import Client
from tidegate.proxy.access import authorize
from tidegate.proxy.admission import LimitError, admit
from tidegate.proxy.app import App
from tidegate.proxy.attempt import Attempt
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import CALLER_KEY
from tidegate.proxy.exchange import run
from tidegate.proxy.failure import UNRECORDED, Failure
from tidegate.proxy.headers import header_value
from tidegate.proxy.prepare import Prepared, prepare
from tidegate.proxy.reply import JSON, Reply

Prepare: TypeAlias = Callable[[App, Call, Plan, Target], Prepared]


def identified(call: Call, client: Client) -> None:
    """Finds the key of the caller, in all of the headers as they came. Raises `GatewayError`."""
    refuse_query_key(call.query)
    if is_signed(call.headers.get(b"authorization", b"")):
        call.signed = claimed(call.snapshot, call.headers, call.at)
        call.key = call.signed.key
    else:
        call.key = call.planner.callers.identify(pick_token(client.headers), call.at)
        if call.key.reach is not None and call.key.reach.addresses:
            _refuse_elsewhere(call, client)


def _refuse_elsewhere(call: Call, client: Client) -> None:
    """Of a key that is bound to addresses. Raises `GatewayError`."""
    reach = call.key.reach
    address = client_address(client.peer, client.headers, call.snapshot.server.trusted_proxies)
    error = out_of_place(reach, call.key.name, address) if reach is not None else None
    if error is not None:
        raise GatewayError(error)


def proved(call: Call, method: str) -> None:
    """Checks the signature of a caller that signs, now that the body is there. Raises `GatewayError`."""
    if call.signed is not None:
        prove(
            call.signed,
            call.snapshot.pepper,
            method=method,
            path=call.path,
            query=call.query,
            headers=call.headers,
            body=call.body,
        )


async def generate(app: App, call: Call, reply: Reply) -> None:
    """One generation. Raises `GatewayError` where the client has got nothing yet."""
    call.fields = scanned(call.body)
    if not call.head.model:
        call.head = call.dialect.head(call.fields)
    await through(app, call, call.planner.plan(call.key, call.head.model), reply, prepare)


async def through(app: App, call: Call, plan: Plan, reply: Reply, prepare: Prepare) -> None:
    """One target after the other until the client has an answer, each with what `prepare` makes for it."""
    targets = _ordered(call, plan)
    for place, target in enumerate(targets, 1):
        last = place == len(targets)
        if target.free is not None and not app.free.take(target) and plan.free_first:
            failure = Failure(_used_up(target))
        else:
            failure = await _try(app, call, plan, target, reply, prepare, last=last)
        if failure is None:
            return
        if last or not may_try_next(failure.error):
            if not call.attempts:
                app.metrics.refused(call.surface, failure.error.http_status)
            await _refuse(call, reply, target, failure)
            return


def _used_up(target: Target) -> Error:
    return Error(
        kind=ErrorKind.RATE_LIMIT,
        message=f"The free tier of `{target.name}` is used up for now, and the route has no other target that could answer.",
        code="free_tier_used_up",
        retry_after=60,
    )


def _ordered(call: Call, plan: Plan) -> Sequence[Target]:
    """Of targets that differ in their accounts only, one is enough where the caller brings the credential."""
    if not plan.spread:
        return plan.targets
    if CALLER_KEY in call.headers:
        return tuple({target.name: target for target in plan.targets}.values())
    return spread(plan.targets, call.id)


async def _try(app: App, call: Call, plan: Plan, target: Target, reply: Reply, prepare: Prepare, *, last: bool) -> Failure | None:
    if not app.events.accepting:
        return Failure(UNRECORDED, [(b"retry-after", b"5")])
    try:
        prepared = prepare(app, call, plan, target)
        if prepared.exchange:
            await authorize(app, target, prepared)
        prepared, admitted = await admit(app, call, plan, target, prepared)
    except LimitError as limited:
        return Failure(limited.error, limited.headers)
    except GatewayError as refused:
        return Failure(refused.error)
    call.attempts += 1
    call.target = target
    return await run(Attempt(app, call, plan, target, prepared, admitted, reply, last=last))


async def _refuse(call: Call, reply: Reply, target: Target, failure: Failure) -> None:
    """The error of the last target: its own bytes where the client speaks its dialect, else in the client's."""
    error = failure.error
    body = failure.body if failure.body is not None else call.dialect.encode_error(error, call.request_id)
    headers = [(b"x-tidegate-target", header_value(target.name)), *failure.headers]
    await reply.whole(error.http_status, JSON, body, headers)
