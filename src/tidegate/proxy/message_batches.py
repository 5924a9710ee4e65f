"""`/v1/messages/batches`: Anthropic's way to ask many things at once, of any models. What is done with them is in `batch_runner`.

Shapes: https://docs.anthropic.com/en/api/creating-message-batches.
"""

import msgspec

from tidegate.dialects.values import dump, parse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import JsonObject
from tidegate.ports.kept import Listing
from tidegate.proxy.app import App
from tidegate.proxy.batch import ENDED, anthropic, batch_of
from tidegate.proxy.batches import begin, owned, stop
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.file_parts import read
from tidegate.proxy.kept import no_such
from tidegate.proxy.paging import asked_page
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant

_KIND = "message_batch"
_MOST = 100_000


async def create(app: App, call: Call, reply: Reply) -> None:
    requests = _requests(scanned(call.body).get("requests"))
    row = await begin(app, call, _KIND, f"msgbatch_{call.id}", endpoint="/v1/messages", state="uploading")
    store, tenant = await app.conversations.store(), Tenant(row.org)
    for place, one in enumerate(requests):
        await store.put_part(tenant, row.id, place, dump(one))
    row = msgspec.structs.replace(row, state="active")
    await store.change(tenant, row)
    if app.late.batched is not None:
        app.late.batched()
    await _tell(reply, anthropic(row))


def _requests(raw: bytes | None) -> list[JsonObject]:
    found = None if raw is None else parse(raw)
    if type(found) is not list or not 1 <= len(found) <= _MOST:
        raise bad_request(f"requests: must be a list of 1 to {_MOST} requests", "requests")
    seen: set[str] = set()
    requests: list[JsonObject] = []
    for place, one in enumerate(found):
        id = one.get("custom_id") if type(one) is dict else None
        if type(one) is not dict or type(id) is not str or not 1 <= len(id) <= 64 or type(one.get("params")) is not dict:
            raise bad_request(f"requests.{place}: must have a `custom_id` of 1 to 64 characters and an object `params`", "requests")
        if id in seen:
            raise bad_request(f"requests.{place}.custom_id: stands in the batch twice", "requests")
        seen.add(id)
        requests.append(one)
    return requests


async def get(app: App, call: Call, reply: Reply) -> None:
    _, row = await owned(app, call, _KIND)
    await _tell(reply, anthropic(row))


async def cancel(app: App, call: Call, reply: Reply) -> None:
    await _tell(reply, anthropic(await stop(app, call, _KIND)))


async def delete(app: App, call: Call, reply: Reply) -> None:
    store, row = await owned(app, call, _KIND)
    batch = batch_of(row)
    if batch.status not in ENDED:
        raise bad_request("A batch that has not ended cannot be deleted: cancel it first.")
    for id in (batch.output, batch.failures, row.id):
        await store.remove(Tenant(row.org), id)
    await _tell(reply, {"id": row.id, "type": "message_batch_deleted"})


async def results(app: App, call: Call, reply: Reply) -> None:
    """One line for each request, in the order of the requests."""
    store, row = await owned(app, call, _KIND)
    batch = batch_of(row)
    kept = await store.get(Tenant(row.org), batch.output)
    if batch.status not in ENDED or kept is None:
        raise no_such("Results of the batch", row.id)
    reply.start_file([], b"application/x-jsonl")
    async for data in read(store, kept):
        if not reply.piece(data):
            await reply.drained()
    reply.end_stream()


async def batches(app: App, call: Call, reply: Reply) -> None:
    """Newest first; `before_id` asks for the newer ones."""
    limit, after = asked_page(call.query, most=1000, after="after_id")
    _, before = asked_page(call.query, most=1000, after="before_id")
    store = await app.conversations.store()
    listing = Listing(kinds=(_KIND,), after=before or after, limit=limit + 1, newest_first=not before)
    rows = await store.page(Tenant(call.key.org), listing)
    data = [anthropic(row) for row in rows[:limit]]
    if before:
        data.reverse()
    page: JsonObject = {"data": [*data], "has_more": len(rows) > limit}
    page |= {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    await _tell(reply, page)


async def _tell(reply: Reply, value: JsonObject) -> None:
    await reply.whole(200, JSON, dump(value), [])
