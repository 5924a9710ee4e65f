"""The surfaces whose calls `explain` can tell of: how each reads a body, which model it names and how it is made ready for a target, all
without sending it. A surface that is added to the table of `surfaces` and generates or embeds has its line here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from tidegate.dialects.base import Dialect, Head
from tidegate.dialects.operations import gemini_embeddings
from tidegate.dialects.operations.answers import texts_of
from tidegate.dialects.operations.base import Operation
from tidegate.dialects.operations.table import OPERATIONS
from tidegate.dialects.table import SPOKEN
from tidegate.dialects.values import dump
from tidegate.ir.loss import Loss
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.proxy import gemini_embed, operate
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.gemini import spoken
from tidegate.proxy.one_by_one import narrowed
from tidegate.proxy.prepare import Prepared, prepare
from tidegate.proxy.through import Prepare
from tidegate.wire.splice import Fields, splice

Ready: TypeAlias = Callable[[Call, Plan], tuple[Plan, Prepare]]
"""The plan as the surface follows it, and what makes the call ready for a target of it. Raises `GatewayError`."""


class Explainable(msgspec.Struct, frozen=True, kw_only=True):
    """`stream` is set where the URL says the model and whether the answer is streamed, and `head` is what says so elsewhere. `spoken`
    gives the dialect where the query has a part in it."""

    dialect: str
    stream: bool | None = None
    head: Callable[[Fields], Head] | None = None
    spoken: Callable[[Call], Dialect] | None = None
    ready: Ready


def _generation(_call: Call, plan: Plan) -> tuple[Plan, Prepare]:
    return plan, prepare


def _operation(operation: Operation, call: Call, plan: Plan) -> tuple[Plan, Prepare]:
    each = partial(operate.prepare_operation, operation)
    field = operate.single_of(operation, plan.targets[0])
    texts = texts_of(call.fields, field) if field else []
    if len(texts) < 2:
        return plan, each
    call.body = splice(call.fields, {field: dump(texts[0])})
    call.fields = scanned(call.body)
    return narrowed(plan), _one_by_one(each, field)


def _google_embedding(batch: bool, call: Call, plan: Plan) -> tuple[Plan, Prepare]:
    asked = gemini_embeddings.read(call.body, batch=batch)
    if len(asked.texts) < 2 or not operate.single_of(gemini_embed.OPERATION, plan.targets[0]):
        return plan, partial(gemini_embed.prepare_asked, asked)
    first = msgspec.structs.replace(asked, texts=asked.texts[:1], requests=asked.requests[:1])
    return narrowed(plan), _one_by_one(partial(gemini_embed.prepare_asked, first), "requests")


def _one_by_one(each: Prepare, field: str) -> Prepare:
    """As `each`, of a call that is one for each of its texts."""
    loss = Loss("emulated", field, "a call for each text")

    def ready(app: App, call: Call, plan: Plan, target: Target) -> Prepared:
        prepared = each(app, call, plan, target)
        return msgspec.structs.replace(prepared, losses=[loss, *prepared.losses])

    return ready


def _body(dialect: str) -> Explainable:
    return Explainable(dialect=dialect, head=SPOKEN[dialect].head, ready=_generation)


EXPLAINABLE: Mapping[str, Explainable] = MappingProxyType(
    {
        "chat_completions": _body("openai_chat"),
        "responses": _body("openai_responses"),
        "messages": _body("anthropic"),
        "generate_content": Explainable(dialect="gemini", stream=False, ready=_generation),
        "stream_content": Explainable(dialect="gemini", stream=True, spoken=spoken, ready=_generation),
        "converse": Explainable(dialect="bedrock_converse", stream=False, ready=_generation),
        "converse_stream": Explainable(dialect="bedrock_converse", stream=True, ready=_generation),
        "invoke": Explainable(dialect="bedrock_invoke", stream=False, ready=_generation),
        "invoke_stream": Explainable(dialect="bedrock_invoke", stream=True, ready=_generation),
        **{
            name: Explainable(dialect="openai_chat", head=operate.head_of, ready=partial(_operation, OPERATIONS[name]))
            for name in operate.JSON_BODIES
        },
        "embed_content": Explainable(dialect="gemini", stream=False, ready=partial(_google_embedding, False)),
        "batch_embed": Explainable(dialect="gemini", stream=False, ready=partial(_google_embedding, True)),
    }
)
"""By the name of the surface, which is the one in the ledger and in metrics."""
