"""An operation: embeddings, rerank, images, speech. From the client's bytes to the provider's: the same but for the model's name, or
another shape where the provider's row says so. The rest is the pipeline of every call."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import msgspec

from tidegate.dialects.base import Head
from tidegate.dialects.operations.answers import texts_of
from tidegate.dialects.operations.base import Operation, Shape
from tidegate.dialects.operations.table import OPERATIONS
from tidegate.dialects.values import dump
from tidegate.ir.content import Origin
from tidegate.ir.errors import GatewayError, bad_request, unsupported
from tidegate.ir.loss import Loss
from tidegate.policy.route import Plan
from tidegate.policy.sending import address
from tidegate.policy.snapshot import Target
from tidegate.providers.spec import OperationRow
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import prove
from tidegate.proxy.headers import outbound
from tidegate.proxy.one_by_one import one_by_one
from tidegate.proxy.paths import Handler
from tidegate.proxy.prepare import Prepared, refuse, with_defaults, without
from tidegate.proxy.reply import Reply
from tidegate.proxy.through import through
from tidegate.wire.splice import Fields, splice

JSON_BODIES = ("embeddings", "rerank", "moderations", "completions", "images/generations", "audio/speech")
"""Operations whose request is JSON; the others are forms."""
_AS_IT_IS = OperationRow()


def handler(name: str) -> Handler:
    """What answers the surface of an operation."""
    return partial(_operate, OPERATIONS[name])


async def _operate(operation: Operation, app: App, call: Call, reply: Reply) -> None:
    call.fields = scanned(call.body)
    call.head = head_of(call.fields)
    plan = call.planner.plan(call.key, call.head.model)
    prepare = partial(prepare_operation, operation)
    single = single_of(operation, plan.targets[0])
    if single and len(texts_of(call.fields, single)) > 1:
        await one_by_one(app, call, plan, reply, prepare, single)
        return
    await through(app, call, plan, reply, prepare)


def single_of(operation: Operation, target: Target) -> str:
    """The field of which the provider takes one text in each call, if there is one."""
    try:
        shape = operation.shapes.get(row_of(operation, target).shape) if operation.shapes else None
    except GatewayError:
        return ""
    return "" if shape is None else shape.single


def head_of(fields: Fields) -> Head:
    """What every operation says in its body. Raises `GatewayError`."""
    raw, stream = fields.get("model"), fields.get("stream") == b"true"
    try:
        model = "" if raw is None else msgspec.json.decode(raw, type=str)
    except msgspec.MsgspecError:
        raise bad_request("`model` must be a string.", "model", "invalid_type") from None
    return Head(model, stream)


def prepare_operation(operation: Operation, _app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    """Raises `GatewayError` where the provider does not have the operation, or cannot honour the call."""
    row = row_of(operation, target)
    shape = operation.shapes.get(row.shape)
    proof = prove(call, plan, call.planner.sending(target, call.dialect))
    fields = with_defaults(call, plan)
    if shape is None:
        body, losses, dialect = _passed(fields, target, row), [], operation.dialect
    else:
        body, losses = _encoded(shape, fields, target)
        dialect = msgspec.structs.replace(operation.dialect, tap_whole=shape.read)
    if plan.on_loss == "refuse":
        refuse(losses)
    return Prepared(
        url=url_of(operation, shape, row, target),
        headers={**outbound(call, operation.dialect, identity=True), **proof.headers},
        body=body,
        dialect=dialect,
        origin=Origin(dialect.name, target.upstream.spec.name, target.model),
        losses=losses,
        credential=proof.credential,
        exchange=proof.exchange,
        output=operation.output,
        unbounded=operation.unbounded,
        convert=None if shape is None else _converter(shape, call.fields, target.model),
        media=operation.media,
    )


def row_of(operation: Operation, target: Target) -> OperationRow:
    """How the provider has the operation. Raises `GatewayError` where it does not."""
    spec = target.upstream.spec
    if spec.operations is None and spec.dialect == operation.dialect.name:
        return _AS_IT_IS
    for row in (spec.operations or {}).get(operation.name, ()):
        bare = spec.bare(target.model)
        if any(bare == name or (name.endswith("*") and bare.startswith(name[:-1])) for name in row.match):
            return row
    raise unsupported(f"`{target.name}` has no {operation.name}: choose a model of a provider that has.", "model", "unsupported_operation")


def _passed(fields: Fields, target: Target, row: OperationRow) -> bytes:
    body = splice(fields, {"model": dump(target.model)})
    return without(body, ("model",)) if "{model}" in row.path else body


def _encoded(shape: Shape, fields: Fields, target: Target) -> tuple[bytes, list[Loss]]:
    try:
        encoded = shape.encode(fields, target.model)
    except ValueError as unreadable:
        raise bad_request(f"The body cannot be read: {unreadable}.") from None
    return encoded.body, encoded.losses


def _converter(shape: Shape, fields: Fields, model: str) -> Callable[[bytes], bytes]:
    return lambda body: shape.decode(body, fields, model)


def url_of(operation: Operation, shape: Shape | None, row: OperationRow, target: Target) -> str:
    """Where the operation is asked of a target."""
    path = row.path or (operation.dialect.path if shape is None else shape.path)
    if not row.origin:
        return address(target, path)
    base = target.upstream.base_url
    kept = len(base) - len(urlsplit(base).path)
    return address(msgspec.structs.replace(target, upstream=msgspec.structs.replace(target.upstream, base_url=base[:kept])), path)
