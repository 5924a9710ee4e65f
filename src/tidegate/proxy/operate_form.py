"""An operation whose body is a form: transcriptions, translations, edits and variations of images. The form goes through with the model's
name replaced in passing, and is never in memory as a whole; where another target could follow, or the name comes after the file, it waits
on the disk first."""

from functools import partial

from tidegate.dialects.base import Head
from tidegate.dialects.operations.base import Operation
from tidegate.dialects.operations.table import OPERATIONS
from tidegate.ir.content import Origin
from tidegate.ir.errors import bad_request
from tidegate.policy.route import Plan
from tidegate.policy.snapshot import Target
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import prove
from tidegate.proxy.forms import Form
from tidegate.proxy.headers import outbound
from tidegate.proxy.operate import row_of, url_of
from tidegate.proxy.paths import Handler
from tidegate.proxy.prepare import Prepared
from tidegate.proxy.reply import Reply
from tidegate.proxy.through import through


def handler(name: str) -> Handler:
    """What answers the surface of an operation."""
    return partial(_operate, OPERATIONS[name])


async def _operate(operation: Operation, app: App, call: Call, reply: Reply) -> None:
    form = Form(call, app.scratch)
    try:
        await form.look("model")
        model = form.text("model")
        if not model:
            raise bad_request("`model` is missing.", "model", "missing_required_parameter")
        call.head = Head(model, form.text("stream") == "true")
        plan = call.planner.plan(call.key, model)
        if len(plan.targets) > 1 or plan.rules.retries:
            await form.take_all()
        await through(app, call, plan, reply, partial(_prepare, operation, form))
    finally:
        await form.close()


def _prepare(operation: Operation, form: Form, _app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    """Raises `GatewayError` where the provider does not have the operation, or cannot honour the call."""
    row = row_of(operation, target)
    proof = prove(call, plan, call.planner.sending(target, call.dialect))
    headers = {**outbound(call, operation.dialect, identity=True), **proof.headers, "content-type": form.content_type}
    return Prepared(
        url=url_of(operation, None, row, target),
        headers=headers,
        body=b"{}",
        upload=form.sent_as({"model": target.model.encode()}),
        dialect=operation.dialect,
        origin=Origin(operation.dialect.name, target.upstream.spec.name, target.model),
        losses=[],
        credential=proof.credential,
        exchange=proof.exchange,
        output=operation.output,
        unbounded=operation.unbounded,
        media=operation.media,
    )
