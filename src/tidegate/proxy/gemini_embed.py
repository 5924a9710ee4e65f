"""Embeddings on Google's surfaces: the operation of `operate`, asked and answered in Google's shape. Where the provider is Google's, the
client's own words go there, and the provider's come back."""

from functools import partial

import msgspec

from tidegate.dialects.operations import gemini_embeddings as wire
from tidegate.dialects.operations.table import OPERATIONS
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.one_by_one import one_by_one
from tidegate.proxy.operate import prepare_operation, row_of, single_of
from tidegate.proxy.prepare import Prepared, refuse
from tidegate.proxy.reply import Reply
from tidegate.proxy.through import through

OPERATION = OPERATIONS["embeddings"]
_GOOGLE = "gemini"


async def one(app: App, call: Call, reply: Reply) -> None:
    """`embedContent`. Raises `GatewayError` where the client has got nothing yet."""
    await _embed(app, call, reply, wire.read(call.body, batch=False))


async def batch(app: App, call: Call, reply: Reply) -> None:
    """`batchEmbedContents`."""
    await _embed(app, call, reply, wire.read(call.body, batch=True))


async def _embed(app: App, call: Call, reply: Reply, asked: wire.Asked) -> None:
    plan = call.planner.plan(call.key, call.head.model)
    single = single_of(OPERATION, plan.targets[0])
    if single and len(asked.texts) > 1:
        await _each(app, call, reply, plan, asked, single)
        return
    await through(app, call, plan, reply, partial(prepare_asked, asked))


async def _each(app: App, call: Call, reply: Reply, plan: Plan, asked: wire.Asked, field: str) -> None:
    """A call for each text, at a model that takes one in each."""
    body, losses = wire.encode(asked, plan.targets[0].model, row_of(OPERATION, plan.targets[0]).shape)
    call.fields = scanned(body)
    if plan.on_loss == "refuse":
        refuse(losses)

    def prepare(app: App, call: Call, plan: Plan, target: Target) -> Prepared:
        prepared = prepare_operation(OPERATION, app, call, plan, target)
        return msgspec.structs.replace(prepared, losses=[*losses, *prepared.losses])

    await one_by_one(app, call, plan, reply, prepare, field, partial(wire.decode, batch=True))


def prepare_asked(asked: wire.Asked, app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    """What goes to `target`. Raises `GatewayError` where it cannot honour the call."""
    shape = row_of(OPERATION, target).shape
    body, losses = wire.encode(asked, target.model, shape)
    call.fields = scanned(body)
    prepared = prepare_operation(OPERATION, app, call, plan, target)
    if shape == _GOOGLE:
        single = None if asked.batch else wire.decode_own
        return msgspec.structs.replace(prepared, body=wire.encode_own(asked, target.model), convert=single, losses=[])
    if plan.on_loss == "refuse":
        refuse(losses)
    inner, is_batch = prepared.convert, asked.batch

    def convert(answer: bytes) -> bytes:
        return wire.decode(answer if inner is None else inner(answer), batch=is_batch)

    return msgspec.structs.replace(prepared, convert=convert, losses=[*losses, *prepared.losses])
