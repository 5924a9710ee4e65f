"""`POST /v1/responses/compact`: a long conversation made short. A provider that has it does so itself, and its item can be read there only;
for every other one the model is asked for a summary, which takes the place of what was said.

Shape: https://platform.openai.com/docs/api-reference/responses/compact.
"""

import msgspec

from tidegate.dialects.openai_responses import DIALECT
from tidegate.dialects.operations.base import Operation
from tidegate.dialects.operations.taps import OperationTap, read_whole, refuse_errors
from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.content import Origin
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.route import Plan
from tidegate.policy.sending import address
from tidegate.policy.snapshot import Target
from tidegate.proxy import responses
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import prove
from tidegate.proxy.headers import outbound
from tidegate.proxy.inside import ask, our_call
from tidegate.proxy.kept import items_of, sendable
from tidegate.proxy.paths import Surface
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.through import through
from tidegate.wire.splice import splice

_OPERATION = Operation(
    name="responses/compact",
    dialect=msgspec.structs.replace(
        DIALECT, path="/responses/compact", tap=OperationTap, tap_whole=read_whole, decode_response=refuse_errors
    ),
    output=None,
)
_RESPONSES = Surface("responses", "POST", b"/v1/responses", "openai_responses", responses.create)
_WORDS = (
    "Summarise this conversation, so that it can go on from your summary alone. Keep every instruction and decision that still holds, "
    "facts, names, numbers, paths, the results of tool calls that matter, what is done, and what is to be done next. "
    "Answer with the summary only."
)


async def compact(app: App, call: Call, reply: Reply) -> None:
    call.fields = scanned(call.body)
    call.head = call.dialect.head(call.fields)
    chain = await responses.chained(app, call)
    plan = await responses.planned(app, call, chain)
    if chain.upstream:
        plan = responses.only(plan, call, chain)
    theirs = tuple(target for target in plan.targets if _has_it(call, target))
    if theirs:
        await through(app, call, plan.only(theirs), reply, _prepare)
        return
    await _summarised(app, call, reply, [*chain.before, *items_of(chain.input, call.id)])


def _has_it(call: Call, target: Target) -> bool:
    own, spec = call.dialect.name, target.upstream.spec
    return target.dialect_for(own) == own and spec.compacts


def _prepare(_app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    proof = prove(call, plan, call.planner.sending(target, call.dialect))
    return Prepared(
        url=address(target, _OPERATION.dialect.path),
        headers={**outbound(call, _OPERATION.dialect, identity=True), **proof.headers},
        body=splice(call.fields, {"model": dump(target.model)}),
        dialect=_OPERATION.dialect,
        origin=Origin(_OPERATION.dialect.name, target.upstream.spec.name, target.model),
        losses=[],
        credential=proof.credential,
        exchange=proof.exchange,
    )


async def _summarised(app: App, call: Call, reply: Reply, said: list[JsonObject]) -> None:
    """What the client said itself stays, as far as it is text; the rest is in the summary."""
    if not said:
        raise bad_request("There is nothing to compact: `input` is empty.", "input", "missing_required_parameter")
    question: JsonObject = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": _WORDS}]}
    request: dict[str, Json] = {"model": call.head.model, "input": [*sendable(said), question], "store": False}
    instructions = call.fields.get("instructions")
    if instructions is not None:
        request["instructions"] = parse(instructions)
    told = await ask(app, our_call(app, call.key, _RESPONSES, dump(request)), _RESPONSES)
    if told.status != 200:
        await reply.whole(told.status, JSON, told.body, [])
        return
    answer = object_or_empty(parse(told.body))
    output = answer.get("output")
    summary = [item for item in output if object_or_empty(item).get("type") == "message"] if type(output) is list else []
    body: JsonObject = {
        "id": f"resp_{call.id}",
        "object": "response.compaction",
        "created_at": int(call.at),
        "output": [*(item for item in said if item.get("type") == "message" and item.get("role") == "user"), *summary],
        "usage": answer.get("usage"),
    }
    await reply.whole(200, JSON, dump(body), [(b"x-tidegate-receipt", b"emulated:compaction")])
