"""Embeddings of several texts by a model that takes one in each call: each text is a call of its own, in limits and in the ledger, some at
once, and their answers are one for the client. All go to one model, since vectors of two cannot be compared."""

import asyncio
from collections.abc import Callable

import msgspec

from tidegate.dialects.operations.answers import texts_of
from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.route import Plan
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.headers import header_value
from tidegate.proxy.inside import NobodysClient, Told, ask
from tidegate.proxy.paths import Surface
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.through import Prepare, through
from tidegate.wire.splice import splice

AT_ONCE = 8
MOST = 2048
"""Texts, as OpenAI has it."""
_OK = 200


async def one_by_one(
    app: App, call: Call, plan: Plan, reply: Reply, prepare: Prepare, field: str, finish: Callable[[bytes], bytes] | None = None
) -> None:
    """Answers the client; the first text that fails fails all, and those that wait for their turn are not begun. `finish` makes the
    client's own shape of the answer."""
    texts = texts_of(call.fields, field)
    if len(texts) > MOST:
        raise bad_request(f"`{field}` has more than {MOST} texts.", field, "array_above_max_length")
    alone = narrowed(plan)

    async def handle(app: App, call: Call, reply: Reply) -> None:
        await through(app, call, alone, reply, prepare)

    surface = Surface(call.surface, "POST", call.path, call.dialect.name, handle)
    turns, failed, client = asyncio.Semaphore(AT_ONCE), list[Told](), NobodysClient()

    async def one(text: str, client: NobodysClient | None) -> Told | None:
        async with turns:
            if failed:
                return None
            body = splice(call.fields, {field: dump(text)})
            own = msgspec.structs.replace(call, id=app.random.request_id(), body=body, fields=scanned(body))
            told = await ask(app, own, surface, client)
            if told.status != _OK:
                failed.append(told)
            return told

    answers = await asyncio.gather(*(one(text, None if at else client) for at, text in enumerate(texts)))
    if failed:
        await reply.whole(failed[0].status, JSON, failed[0].body, [])
        return
    parsed = [object_or_empty(parse(told.body)) for told in answers if told is not None]
    others = [value for name, value in client.given if name == b"x-tidegate-receipt" and value not in (b"identity", b"translated")]
    receipt = b"; ".join([b"emulated:" + field.encode(), *others])
    headers = [(b"x-tidegate-target", header_value(alone.targets[0].name)), (b"x-tidegate-receipt", receipt)]
    body = dump(_joined(parsed))
    await reply.whole(_OK, JSON, body if finish is None else finish(body), headers)


def narrowed(plan: Plan) -> Plan:
    """The plan with its first target alone, and the other accounts of that."""
    first = plan.targets[0].name
    targets = tuple(target for target in plan.targets if target.name == first)
    return msgspec.structs.replace(plan.only(targets), groups=())


def _joined(answers: list[JsonObject]) -> JsonObject:
    data: list[Json] = []
    totals = {"prompt_tokens": 0, "total_tokens": 0}
    for answer in answers:
        found = answer.get("data")
        data += [{**object_or_empty(one), "index": len(data)} for one in found] if type(found) is list else []
        usage = object_or_empty(answer.get("usage"))
        for name in totals:
            tokens = usage.get(name)
            totals[name] += tokens if type(tokens) is int else 0
    return {**answers[0], "data": data, "usage": {**totals}}
