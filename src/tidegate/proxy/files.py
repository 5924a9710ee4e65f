"""`/v1/files`: files of a tenant, of OpenAI's API and of Anthropic's. They are held by Tidegate, sealed, so that every model can have them;
those that the client or the operator sends to a provider are kept there (`provider_files`), and only whose they are is known here.

Shapes: https://platform.openai.com/docs/api-reference/files and https://docs.anthropic.com/en/api/files-create.
"""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qs

import msgspec

from tidegate.dialects.values import dump
from tidegate.ir.errors import bad_request
from tidegate.ir.json import JsonObject
from tidegate.ports.kept import Kept, KeptStore, Listing, Put
from tidegate.proxy import google_files, provider_files
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.file_parts import put_chunks, read, unfinished
from tidegate.proxy.file_shapes import MADE, PURPOSES, UNFINISHED, USUAL, WITHOUT_BATCHES, Facts, deleted, facts_of, shown
from tidegate.proxy.forms import Form
from tidegate.proxy.headers import header_value, own_address
from tidegate.proxy.kept import no_such
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant

MOST = 10_000
_MOST_ANTHROPIC, _USUAL_ANTHROPIC = 1000, 20
_LEAST_LIFE, _MOST_LIFE = 3600, 30 * 86_400
"""Seconds of `expires_after`, as OpenAI has them."""
_LISTED = {"anthropic": WITHOUT_BATCHES}


async def create(app: App, call: Call, reply: Reply) -> None:
    """A form that is held is taken in whole before anything of it is kept."""
    form = Form(call, app.scratch)
    try:
        provider = await provider_files.asked_for(call, form)
        if provider:
            await provider_files.send(app, call, reply, form, provider)
            return
        await form.take_all()
        part, purpose = form.part("file"), form.text("purpose")
        if part is None or part.filename is None:
            raise bad_request("`file` is missing: send the file itself.", "file", "missing_required_parameter")
        if call.dialect.name == "anthropic":
            purpose = USUAL
        check_purpose(purpose)
        life = _life(form)
        facts = Facts(part.filename, purpose, part.end - part.start, int(call.at), part.content_type)
        expires = None if life is None else call.at + life
        stem = "file_" if call.dialect.name == "anthropic" else "file-"
        row = await keep(app, call, f"{stem}{call.id}", facts, form.read(part), expires)
    finally:
        await form.close()
    await _tell(reply, shown(row, call.dialect.name, own_address(call)))


def check_purpose(purpose: str) -> None:
    """Raises `GatewayError`."""
    if purpose not in PURPOSES:
        raise bad_request(f"`purpose` must be one of {', '.join(PURPOSES)}.", "purpose", "invalid_value")


def _life(form: Form) -> int | None:
    text = form.text("expires_after[seconds]")
    if not text:
        return None
    if not text.isdigit() or not _LEAST_LIFE <= int(text) <= _MOST_LIFE:
        raise bad_request(f"`expires_after[seconds]` must be a number from {_LEAST_LIFE} to {_MOST_LIFE}.", "expires_after")
    return int(text)


async def keep(app: App, call: Call, id: str, facts: Facts, data: AsyncGenerator[bytes], expires: float | None) -> Kept:
    """Stores a file in parts. One that does not come to its end is swept after an hour."""
    store, tenant = await app.conversations.store(), Tenant(call.key.org)
    row = unfinished(call, id, dump(msgspec.to_builtins(facts)))
    await store.write(tenant, [Put(row)])
    await put_chunks(store, row, data)
    done = msgspec.structs.replace(row, state=facts.purpose, expires=expires)
    await store.change(tenant, done)
    return done


async def get(app: App, call: Call, reply: Reply) -> None:
    _, row = await owned(app, call, call.params["id"])
    await _tell(reply, shown(row, call.dialect.name, own_address(call)))


async def content(app: App, call: Call, reply: Reply) -> None:
    store, row = await owned(app, call, call.params["id"])
    if row.upstream:
        await provider_files.content(app, call, reply, row)
        return
    reply.start_file([(b"content-disposition", b'attachment; filename="%b"' % header_value(facts_of(row).filename.replace('"', "'")))])
    async for data in read(store, row):
        if not reply.piece(data):
            await reply.drained()
    reply.end_stream()


async def delete(app: App, call: Call, reply: Reply) -> None:
    store, row = await owned(app, call, call.params["id"])
    if row.upstream:
        await provider_files.delete(app, call, row)
    await store.remove(Tenant(row.org), row.id)
    await _tell(reply, deleted(row.id, call.dialect.name))


async def files(app: App, call: Call, reply: Reply) -> None:
    """The list from the gateway's own records, newest first unless `order=asc`."""
    if call.dialect.name == "gemini":
        await google_files.listed(app, call, reply)
        return
    asked = parse_qs(call.query.decode("latin-1"))
    limit, order, purpose = (asked.get(name, [""])[0] for name in ("limit", "order", "purpose"))
    is_anthropic = call.dialect.name == "anthropic"
    most = _MOST_ANTHROPIC if is_anthropic else MOST
    after, before = (asked.get(name, [""])[0] for name in (("after_id", "before_id") if is_anthropic else ("after", "")))
    if limit and not (limit.isdigit() and 1 <= int(limit) <= most):
        raise bad_request(f"`limit` must be a number from 1 to {most}.", "limit")
    if order not in ("", "asc", "desc"):
        raise bad_request("`order` must be `asc` or `desc`.", "order")
    size = int(limit or (_USUAL_ANTHROPIC if is_anthropic else MOST))
    store = await app.conversations.store()
    states = (purpose,) if purpose else _LISTED.get(call.dialect.name, (*PURPOSES, *MADE))
    newest_first = (order != "asc") != bool(before)
    listing = Listing(kinds=("file",), after=before or after, limit=size + 1, newest_first=newest_first, states=states)
    rows = await store.page(Tenant(call.key.org), listing)
    data = [shown(row, call.dialect.name, "") for row in rows[:size]]
    if before:
        data.reverse()
    page: JsonObject = {} if is_anthropic else {"object": "list"}
    page |= {"data": [*data], "has_more": len(rows) > size}
    page |= {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    await _tell(reply, page)


async def owned(app: App, call: Call, id: str) -> tuple[KeptStore, Kept]:
    """A file of the caller's organisation that is complete. Raises `GatewayError`."""
    store = await app.conversations.store()
    row = await store.get(Tenant(call.key.org), id)
    if row is None or row.kind != "file" or row.state in (UNFINISHED, ""):
        raise no_such("File", id, "id")
    return store, row


async def _tell(reply: Reply, value: JsonObject) -> None:
    await reply.whole(200, JSON, dump(value), [])
