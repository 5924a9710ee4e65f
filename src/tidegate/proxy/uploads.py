"""`/v1/uploads`: a file that comes in parts, put together in the order that the client says. What is not completed within an hour is swept.

Shapes: https://platform.openai.com/docs/api-reference/uploads.
"""

import hashlib
from collections.abc import AsyncGenerator

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ports.kept import Kept, KeptStore, Put
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.file_parts import put_chunks, read
from tidegate.proxy.file_shapes import Facts, shown
from tidegate.proxy.files import check_purpose, keep
from tidegate.proxy.forms import Form
from tidegate.proxy.kept import no_such
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant
from tidegate.wire.splice import Fields

_HOUR = 3600.0
_MOST_PARTS = 10_000
_PENDING, _COMPLETED, _CANCELLED = "pending", "completed", "cancelled"


class _Part(msgspec.Struct):
    """A part that has come, of which upload."""

    upload: str
    bytes: int


async def create(app: App, call: Call, reply: Reply) -> None:
    fields = scanned(call.body)
    name, purpose, size = _text(fields, "filename"), _text(fields, "purpose"), _value(fields, "bytes")
    limit = call.snapshot.server.upload_limit
    check_purpose(purpose)
    if type(size) is not int or not 1 <= size <= limit:
        raise bad_request(f"`bytes` must be a number from 1 to {limit} (`server.upload_limit`).", "bytes")
    media = _value(fields, "mime_type")
    facts = Facts(name, purpose, size, int(call.at), media if type(media) is str else "")
    row = await _written(app, call, f"upload_{call.id}", dump(msgspec.to_builtins(facts)), _PENDING)
    await _tell(reply, _shown(row))


async def add(app: App, call: Call, reply: Reply) -> None:
    """One part, which comes as a form with the field `data`."""
    _, upload = await _owned(app, call, _PENDING)
    form = Form(call, app.scratch)
    try:
        await form.take_all()
        part = form.part("data")
        if part is None:
            raise bad_request("`data` is missing: send the bytes of the part.", "data", "missing_required_parameter")
        body = dump(msgspec.to_builtins(_Part(upload.id, part.end - part.start)))
        row = await _written(app, call, f"part_{call.id}", body, "part")
        await put_chunks(await app.conversations.store(), row, form.read(part))
    finally:
        await form.close()
    told: JsonObject = {"id": row.id, "object": "upload.part", "created_at": int(call.at), "upload_id": upload.id}
    await _tell(reply, told)


async def complete(app: App, call: Call, reply: Reply) -> None:
    store, upload = await _owned(app, call, _PENDING)
    fields = scanned(call.body)
    ids = _value(fields, "part_ids")
    if type(ids) is not list or not 1 <= len(ids) <= _MOST_PARTS or not all(type(id) is str for id in ids):
        raise bad_request(f"`part_ids` must be a list of 1 to {_MOST_PARTS} ids.", "part_ids")
    parts = [await _part(store, upload, str(id)) for id in ids]
    facts = msgspec.json.decode(upload.body, type=Facts)
    size = sum(msgspec.json.decode(part.body, type=_Part).bytes for part in parts)
    if size != facts.bytes:
        raise bad_request(f"The parts have {size} bytes, and `bytes` said {facts.bytes}.", "part_ids")
    if fields.get("md5") not in (None, b"null"):
        digest = hashlib.md5(usedforsecurity=False)
        async for data in _joined(store, parts):
            digest.update(data)
        if digest.hexdigest() != _text(fields, "md5").lower():
            raise bad_request("The parts have another MD5 than `md5` says.", "md5")
    if not await store.change(Tenant(upload.org), msgspec.structs.replace(upload, state=_COMPLETED)):
        raise no_such("Upload", upload.id)
    file = await keep(app, call, f"file-{call.id}", facts, _joined(store, parts), None)
    for part in parts:
        await store.remove(Tenant(part.org), part.id)
    await _tell(reply, {**_shown(msgspec.structs.replace(upload, state=_COMPLETED)), "file": shown(file, call.dialect.name)})


async def cancel(app: App, call: Call, reply: Reply) -> None:
    store, upload = await _owned(app, call, _PENDING)
    done = msgspec.structs.replace(upload, state=_CANCELLED)
    if not await store.change(Tenant(upload.org), done):
        raise no_such("Upload", upload.id)
    await _tell(reply, _shown(done))


async def _written(app: App, call: Call, id: str, body: bytes, state: str) -> Kept:
    row = Kept(
        org=call.key.org, id=id, key=call.key.id, kind="upload", upstream="", at=call.at, expires=call.at + _HOUR, body=body, state=state
    )
    await (await app.conversations.store()).write(Tenant(row.org), [Put(row)])
    return row


async def _owned(app: App, call: Call, state: str) -> tuple[KeptStore, Kept]:
    store, id = await app.conversations.store(), call.params["id"]
    row = await store.get(Tenant(call.key.org), id)
    if row is None or row.kind != "upload" or row.state == "part":
        raise no_such("Upload", id)
    if row.state != state:
        raise bad_request(f"The upload is {row.state}: nothing more can be done with it.")
    return store, row


async def _part(store: KeptStore, upload: Kept, id: str) -> Kept:
    row = await store.get(Tenant(upload.org), id)
    if row is None or row.kind != "upload" or object_or_empty(parse(row.body)).get("upload") != upload.id:
        raise no_such("Part", id, "part_ids")
    return row


async def _joined(store: KeptStore, parts: list[Kept]) -> AsyncGenerator[bytes]:
    for part in parts:
        async for data in read(store, part):
            yield data


def _value(fields: Fields, name: str) -> Json:
    raw = fields.get(name)
    return None if raw is None else parse(raw)


def _text(fields: Fields, name: str) -> str:
    value = _value(fields, name)
    if type(value) is not str or not value:
        raise bad_request(f"`{name}` is missing, or no string.", name, "missing_required_parameter")
    return value


def _shown(row: Kept) -> JsonObject:
    facts = msgspec.json.decode(row.body, type=Facts)
    return {
        "id": row.id,
        "object": "upload",
        "bytes": facts.bytes,
        "created_at": facts.created,
        "filename": facts.filename,
        "purpose": facts.purpose,
        "status": row.state,
        "expires_at": int(row.expires or 0),
        "file": None,
    }


async def _tell(reply: Reply, value: JsonObject) -> None:
    await reply.whole(200, JSON, dump(value), [])
