"""`/v1/files`: files of a tenant, held by Tidegate, sealed. Batches read them and write them.

Shapes: https://platform.openai.com/docs/api-reference/files.
"""

from collections.abc import AsyncGenerator
from urllib.parse import parse_qs

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import JsonObject
from tidegate.ports.kept import Kept, KeptStore, Listing, Put
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.forms import Form
from tidegate.proxy.headers import header_value
from tidegate.proxy.kept import no_such
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant

CHUNK = 1 << 20
"""Bytes of a part of a file that a client sent."""
MOST = 10_000
_UNFINISHED = "uploading"
_HOUR = 3600.0
_LEAST_LIFE, _MOST_LIFE = 3600, 30 * 86_400
"""Seconds of `expires_after`, as OpenAI has them."""


class Facts(msgspec.Struct):
    """What is known of a file besides its bytes."""

    filename: str
    purpose: str
    bytes: int
    created: int


def facts_of(row: Kept) -> Facts:
    raw = object_or_empty(parse(row.body))
    return msgspec.convert(raw, Facts)


async def create(app: App, call: Call, reply: Reply) -> None:
    """Takes the form in whole before anything of it is kept."""
    form = Form(call, app.scratch)
    try:
        await form.take_all()
        part, purpose = form.part("file"), form.text("purpose")
        if part is None or part.filename is None:
            raise bad_request("`file` is missing: send the file itself.", "file", "missing_required_parameter")
        if purpose != "batch":
            raise bad_request(
                "Files of the purpose `batch` are held here, and no others: put what a model is to read into the request.", "purpose"
            )
        life = _life(form)
        facts = Facts(part.filename, purpose, part.end - part.start, int(call.at))
        expires = None if life is None else call.at + life
        row = await keep(app, call, f"file-{call.id}", facts, form.read(part), expires)
    finally:
        await form.close()
    await _tell(reply, shown(row))


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
    row = Kept(
        org=tenant.org_id,
        id=id,
        key=call.key.id,
        kind="file",
        upstream="",
        at=call.at,
        expires=call.at + _HOUR,
        body=dump(msgspec.to_builtins(facts)),
        state=_UNFINISHED,
    )
    await store.write(tenant, [Put(row)])
    await put_chunks(store, row, data)
    done = msgspec.structs.replace(row, state=facts.purpose, expires=expires)
    await store.change(tenant, done)
    return done


async def put_chunks(store: KeptStore, row: Kept, data: AsyncGenerator[bytes]) -> None:
    """Stores bytes as the parts of a row."""
    tenant, held, place = Tenant(row.org), bytearray(), 0
    async for piece in data:
        held += piece
        while len(held) >= CHUNK:
            await store.put_part(tenant, row.id, place, bytes(held[:CHUNK]))
            del held[:CHUNK]
            place += 1
    if held:
        await store.put_part(tenant, row.id, place, bytes(held))


async def get(app: App, call: Call, reply: Reply) -> None:
    _, row = await owned(app, call, call.params["id"])
    await _tell(reply, shown(row))


async def content(app: App, call: Call, reply: Reply) -> None:
    store, row = await owned(app, call, call.params["id"])
    reply.start_file([(b"content-disposition", b'attachment; filename="%b"' % header_value(facts_of(row).filename.replace('"', "'")))])
    async for data in read(store, row):
        if not reply.piece(data):
            await reply.drained()
    reply.end_stream()


async def read(store: KeptStore, row: Kept) -> AsyncGenerator[bytes]:
    """The bytes of a file, part by part."""
    after = -1
    while found := await store.parts(Tenant(row.org), row.id, after=after, limit=4):
        for place, data in found:
            yield data
            after = place


async def delete(app: App, call: Call, reply: Reply) -> None:
    store, row = await owned(app, call, call.params["id"])
    await store.remove(Tenant(row.org), row.id)
    await _tell(reply, {"id": row.id, "object": "file", "deleted": True})


async def files(app: App, call: Call, reply: Reply) -> None:
    """The list, newest first unless `order=asc`."""
    asked = parse_qs(call.query.decode("latin-1"))
    limit, order, after, purpose = (asked.get(name, [""])[0] for name in ("limit", "order", "after", "purpose"))
    if limit and not (limit.isdigit() and 1 <= int(limit) <= MOST):
        raise bad_request(f"`limit` must be a number from 1 to {MOST}.", "limit")
    if order not in ("", "asc", "desc"):
        raise bad_request("`order` must be `asc` or `desc`.", "order")
    size = int(limit or MOST)
    store = await app.conversations.store()
    states = (purpose,) if purpose else ("batch", "batch_output")
    listing = Listing(kinds=("file",), after=after, limit=size + 1, newest_first=order != "asc", states=states)
    rows = await store.page(Tenant(call.key.org), listing)
    data = [shown(row) for row in rows[:size]]
    page: JsonObject = {"object": "list", "data": [*data], "has_more": len(rows) > size}
    page |= {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    await _tell(reply, page)


async def owned(app: App, call: Call, id: str) -> tuple[KeptStore, Kept]:
    """A file of the caller's organisation that is complete. Raises `GatewayError`."""
    store = await app.conversations.store()
    row = await store.get(Tenant(call.key.org), id)
    if row is None or row.kind != "file" or row.state in (_UNFINISHED, ""):
        raise no_such("File", id, "id")
    return store, row


def shown(row: Kept) -> JsonObject:
    facts = facts_of(row)
    told: JsonObject = {
        "id": row.id,
        "object": "file",
        "bytes": facts.bytes,
        "created_at": facts.created,
        "filename": facts.filename,
        "purpose": facts.purpose,
        "status": "processed",
    }
    if row.expires is not None:
        told["expires_at"] = int(row.expires)
    return told


async def _tell(reply: Reply, value: JsonObject) -> None:
    await reply.whole(200, JSON, dump(value), [])
