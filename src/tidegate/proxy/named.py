"""Requests that name what is kept somewhere: a call goes on only with ids that its organisation has from this gateway.

What a provider keeps goes to that provider, with the credential that it was made with. A file that Tidegate holds, or that another
provider gives back, is put into the request itself. A call that names nothing pays for a look at its bytes (`mentions`).
"""

from tidegate.dialects.references import Reference, inline, references
from tidegate.dialects.values import dump
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request, unsupported
from tidegate.ir.json import JsonObject
from tidegate.ir.loss import Loss
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.ports.kept import Kept
from tidegate.proxy import provider_files
from tidegate.proxy.app import App
from tidegate.proxy.body import in_full, scanned
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import CALLER_KEY
from tidegate.proxy.file_parts import read
from tidegate.proxy.file_shapes import UNFINISHED, facts_of
from tidegate.proxy.kept import no_such
from tidegate.wire.splice import splice

_KINDS = {"File": "file", "Container": "container", "Cached content": "cache"}
_MOST = 100
"""Ids in one request."""
_HINT = " What was made outside of this gateway can be named where its operator sets `server.outside_ids`."


async def resolved(app: App, call: Call, plan: Plan) -> Plan:
    """Of a call that `mentions` ids: the plan with the targets that can honour those, which may put files into `call.body`. Raises
    `GatewayError`."""
    own = call.dialect.name
    body = in_full(call.body)
    named = references(body, own)
    if not named:
        return plan
    if len(named) > _MOST:
        raise unsupported(f"A request may name {_MOST} files at most.", named[-1].field)
    rows = {id: await app.conversations.get(call.key.org, id) for id in {one.id for one in named}}
    held: list[tuple[Reference, Kept]] = []
    kept: list[tuple[Reference, Kept]] = []
    targets = plan.targets
    for one in named:
        row = rows[one.id]
        if one.kind == "Prompt" and not any(target.dialect_for(own) == own for target in targets):
            continue  # whoever translates the request says that the model has no such thing
        if row is None or row.kind != _KINDS.get(one.kind) or row.state == UNFINISHED:
            targets = await outside(app, call, plan, targets, one)
        else:
            (kept if row.upstream else held).append((one, row))
    there = tuple(target for target in targets if all(_has(call, target, row) for _, row in kept))
    if not there:
        held += kept
    await _put_in(app, call, body, held)
    return plan if (there or targets) == plan.targets else plan.only(there or targets)


async def outside(app: App, call: Call, plan: Plan, targets: tuple[Target, ...], one: Reference) -> tuple[Target, ...]:
    """The targets that an id may go to which the organisation has not got here. Raises `GatewayError` where there is none: the same for
    what is another's and for what never was."""
    allowed = tuple(target for target in targets if _is_own(call, plan, target))
    if len(allowed) < len(targets) and call.snapshot.server.outside_ids:
        store = await app.conversations.store()
        if not await store.is_anothers(call.key.org, one.id):
            return targets
    if not allowed and one.kind == "Stored object":
        raise bad_request(f"`{one.id[:128]}` would be read with a credential that is not yours alone.{_HINT}", one.field, "outside_id")
    if not allowed:
        raise no_such(one.kind, one.id, one.field, hint=_HINT)
    return allowed


def _is_own(call: Call, plan: Plan, target: Target) -> bool:
    """Whether nobody else's calls have this credential."""
    if plan.caller_keys and CALLER_KEY in call.headers:
        return True
    accounts = call.snapshot.own.get(call.key.org, {}).get(target.upstream.name, ())
    return target.account is not None and any(account.id == target.account.id for account in accounts)


def _has(call: Call, target: Target, row: Kept) -> bool:
    speaks = target.dialect_for(call.dialect.name) == call.dialect.name
    return speaks and (target.upstream.name, target.account_id) == (row.upstream, row.account)


async def _put_in(app: App, call: Call, body: JsonObject, found: list[tuple[Reference, Kept]]) -> None:
    """Puts files into the request. Raises `GatewayError` where one cannot be, or where it becomes too long."""
    if not found:
        return
    limit = call.snapshot.server.body_limit
    room = limit - len(call.body)
    data: dict[str, bytes] = {}
    for one, row in found:
        if row.kind != "file":
            raise _elsewhere(one, row)
        if row.id not in data:
            data[row.id] = await _bytes(app, call, one, row, room * 3 // 4)
        room -= len(data[row.id]) * 4 // 3
        if room < 0:
            raise _too_long(one, limit)
        facts = facts_of(row)
        flaw = inline(one, facts.media_type, facts.filename, data[row.id])
        if flaw:
            message = (
                f"The file {row.id} cannot be given to this model: {flaw}. Send it to the provider that is to have it: upload it with "
            )
            raise unsupported(message + "the header `x-tidegate-provider`.", one.field)
        call.losses.append(Loss("emulated", one.field, "the file is in the request itself"))
    tops = {one.field.partition(".")[0].partition("[")[0] for one, _ in found}
    call.body = splice(call.fields, {name: dump(body[name]) for name in tops})
    call.fields = scanned(call.body)
    call.request = None


async def _bytes(app: App, call: Call, one: Reference, row: Kept, limit: int) -> bytes:
    if facts_of(row).bytes > max(limit, 0):
        raise _too_long(one, call.snapshot.server.body_limit)
    if not row.upstream:
        return b"".join([piece async for piece in read(await app.conversations.store(), row)])
    data = await provider_files.whole(app, call, row, max(limit, 0))
    if data is None:
        raise _elsewhere(one, row)
    return data


def _elsewhere(one: Reference, row: Kept) -> GatewayError:
    message = (
        f"{one.kind} {row.id[:128]} is kept by `{row.upstream}`, which does not give it back, and this model is not there: use a model "
    )
    return unsupported(message + "of that provider in its own API, or upload the file without naming a provider.", one.field)


def _too_long(one: Reference, limit: int) -> GatewayError:
    message = f"With its files the request is longer than {limit} bytes (`server.body_limit`): upload them with the header "
    message += "`x-tidegate-provider`, and the provider that is to have them keeps them."
    return GatewayError(Error(kind=ErrorKind.TOO_LARGE, message=message, param=one.field, code="request_too_large"))
