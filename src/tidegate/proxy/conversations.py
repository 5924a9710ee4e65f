"""`/v1/conversations`: lists of items that Tidegate holds for a tenant, whichever providers answer in them."""

from types import NoneType

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import JsonObject
from tidegate.ports.kept import Kept
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.kept import Talk, items_of, items_of_parts, no_such, page, talk
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.responses import DAY
from tidegate.records import Tenant
from tidegate.wire.splice import Fields

_MOST_ITEMS = 20
"""Items that one call may add, as OpenAI has it."""


async def create(app: App, call: Call, reply: Reply) -> None:
    call.fields = scanned(call.body or b"{}")
    items = _items(call, call.fields)
    found = Talk(_metadata(call.fields), int(call.at))
    days = call.snapshot.server.days_kept(call.key.org)
    if not days:
        raise bad_request("Nothing is kept here: the operator sets `server.keep_responses_days`.")
    row = Kept(
        org=call.key.org,
        id=f"conv_{call.id}",
        key=call.key.id,
        kind="conversation",
        upstream="",
        at=call.at,
        expires=call.at + days * DAY,
        body=dump(found),
    )
    app.conversations.put(row)
    if items:
        app.conversations.add(row.org, row.id, dump(items), row.expires)
    await _tell(reply, _shown(row.id, found))


async def get(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    await _tell(reply, _shown(row.id, talk(row.body)))


async def update(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    found = talk(row.body)
    found.metadata = _metadata(scanned(call.body))
    app.conversations.put(msgspec.structs.replace(row, body=dump(found)))
    await _tell(reply, _shown(row.id, found))


async def delete(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    app.conversations.remove(row.org, row.id)
    await _tell(reply, {"id": row.id, "object": "conversation.deleted", "deleted": True})


async def items(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    await _tell(reply, page(items_of_parts(await app.conversations.parts(row.org, row.id)), call.query))


async def add_items(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    added = _items(call, scanned(call.body))
    app.conversations.add(row.org, row.id, dump(added), row.expires)
    await _tell(reply, page(added, b"order=asc"))


async def item(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    for _, part in await app.conversations.parts(row.org, row.id):
        for one in items_of_parts([(0, part)]):
            if one.get("id") == call.params["item"]:
                await _tell(reply, one)
                return
    raise no_such("Item", call.params["item"])


async def delete_item(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    id, store, tenant = call.params["item"], await app.conversations.store(), Tenant(row.org)
    for place, part in await app.conversations.parts(row.org, row.id):
        there = items_of_parts([(place, part)])
        left = [one for one in there if one.get("id") != id]
        if len(left) < len(there):
            # An empty list keeps its place: the next part must not come to stand where this one was.
            await store.put_part(tenant, row.id, place, dump(left), replace=True)
            await _tell(reply, _shown(row.id, talk(row.body)))
            return
    raise no_such("Item", id)


async def _owned(app: App, call: Call) -> Kept:
    id = call.params["id"]
    row = await app.conversations.get(call.key.org, id)
    if row is None or row.kind != "conversation":
        raise no_such("Conversation", id)
    return row


def _items(call: Call, fields: Fields) -> list[JsonObject]:
    raw = fields.get("items")
    if raw is not None and type(parse(raw)) not in (list, NoneType):
        raise bad_request("items: must be an array", "items", "invalid_type")
    added = items_of(raw, call.id)
    if len(added) > _MOST_ITEMS:
        raise bad_request(f"`items` has more than {_MOST_ITEMS} items.", "items", "array_above_max_length")
    return added


def _metadata(fields: Fields) -> JsonObject:
    raw = fields.get("metadata")
    value = None if raw is None else parse(raw)
    if value is not None and type(value) is not dict:
        raise bad_request("metadata: must be an object", "metadata", "invalid_type")
    return object_or_empty(value)


def _shown(id: str, found: Talk) -> JsonObject:
    return {"id": id, "object": "conversation", "metadata": found.metadata, "created_at": found.created}


async def _tell(reply: Reply, value: JsonObject) -> None:
    await reply.whole(200, JSON, dump(value), [])
