"""`/v1/batches`: many requests in a file of the tenant, answered by any models, in a file again. `batch_runner` runs them.

Shapes: https://platform.openai.com/docs/api-reference/batch.
"""

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ports.kept import Kept, KeptStore, Kind, Listing, Put
from tidegate.proxy.app import App
from tidegate.proxy.batch import ENDED, WINDOW, Batch, batch_of, openai, stored
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.files import owned as owned_file
from tidegate.proxy.kept import no_such
from tidegate.proxy.paging import asked_page
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant
from tidegate.wire.splice import Fields

ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/moderations", "/v1/rerank")
LIFE = 30 * 86_400
"""Seconds that a batch and its answers stay after its day."""


async def create(app: App, call: Call, reply: Reply) -> None:
    fields = scanned(call.body)
    endpoint, source = _text(fields, "endpoint"), _text(fields, "input_file_id")
    if endpoint not in ENDPOINTS:
        raise bad_request(f"`endpoint` must be one of {', '.join(ENDPOINTS)}.", "endpoint", "invalid_value")
    if _text(fields, "completion_window") != "24h":
        raise bad_request("`completion_window` must be `24h`.", "completion_window", "invalid_value")
    raw = fields.get("metadata")
    metadata: Json = None if raw is None else parse(raw)
    if metadata is not None and type(metadata) is not dict:
        raise bad_request("metadata: must be an object", "metadata", "invalid_type")
    _, file = await owned_file(app, call, source)
    if file.upstream:
        raise bad_request(
            f"`{source}` is kept by {file.upstream}: upload the file of a batch with the purpose `batch`, and without naming a provider.",
            "input_file_id",
        )
    row = await begin(app, call, "batch", f"batch_{call.id}", source=source, endpoint=endpoint, metadata=metadata)
    await _tell(reply, openai(row))


def _text(fields: Fields, name: str) -> str:
    raw = fields.get(name)
    value = None if raw is None else parse(raw)
    if type(value) is not str or not value:
        raise bad_request(f"`{name}` is missing, or no string.", name, "missing_required_parameter")
    return value


async def begin(
    app: App, call: Call, kind: Kind, id: str, *, endpoint: str, source: str = "", metadata: Json = None, state: str = "active"
) -> Kept:
    """Writes a batch down, and the room for its answers."""
    store, tenant = await app.conversations.store(), Tenant(call.key.org)
    batch = Batch(
        endpoint=endpoint,
        created=int(call.at),
        expires=int(call.at) + WINDOW,
        input=source,
        output=f"file-{call.id}o",
        failures=f"file-{call.id}e",
        metadata=metadata,
    )
    expires = call.at + WINDOW + LIFE
    row = Kept(org=tenant.org_id, id=id, key=call.key.id, kind=kind, upstream="", at=call.at, expires=expires)
    room = [msgspec.structs.replace(row, id=file, kind="file") for file in (batch.output, batch.failures)]
    row = msgspec.structs.replace(stored(row, batch), state=state)
    await store.write(tenant, [Put(one) for one in (*room, row)])
    if app.late.batched is not None:
        app.late.batched()
    return row


async def get(app: App, call: Call, reply: Reply) -> None:
    _, row = await owned(app, call, "batch")
    await _tell(reply, openai(row))


async def cancel(app: App, call: Call, reply: Reply) -> None:
    row = await stop(app, call, "batch")
    await _tell(reply, openai(row))


async def batches(app: App, call: Call, reply: Reply) -> None:
    limit, after = asked_page(call.query)
    store = await app.conversations.store()
    rows = await store.page(Tenant(call.key.org), Listing(kinds=("batch",), after=after, limit=limit + 1))
    data = [openai(row) for row in rows[:limit]]
    page: JsonObject = {"object": "list", "data": [*data], "has_more": len(rows) > limit}
    page |= {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    await _tell(reply, page)


async def owned(app: App, call: Call, kind: Kind) -> tuple[KeptStore, Kept]:
    """The batch that the path names. Raises `GatewayError`."""
    store, id = await app.conversations.store(), call.params["id"]
    row = await store.get(Tenant(call.key.org), id)
    if row is None or row.kind != kind:
        raise no_such("Batch", id)
    return store, row


async def stop(app: App, call: Call, kind: Kind) -> Kept:
    """What runs is finished, and nothing more is begun. A batch that has ended stays as it is."""
    while True:
        store, row = await owned(app, call, kind)
        batch = batch_of(row)
        if batch.status in ENDED or batch.status == "cancelling":
            return row
        batch.become("cancelling", app.clock.now())
        row = stored(row, batch)
        if await store.change(Tenant(row.org), row):
            if app.late.batched is not None:
                app.late.batched()
            return row


async def _tell(reply: Reply, value: JsonObject) -> None:
    await reply.whole(200, JSON, dump(object_or_empty(value)), [])
