"""What the Responses API has beside the call: reading, deleting and cancelling what is kept, its input, and counting.

Another tenant's id and one that never was are the same 404.
"""

import asyncio
from urllib.parse import parse_qs

from tidegate.dialects.base import Stamp
from tidegate.dialects.reading import as_body
from tidegate.dialects.values import dump
from tidegate.ir.content import Origin
from tidegate.ir.errors import bad_request
from tidegate.ir.fold import unfold
from tidegate.ir.json import JsonObject
from tidegate.ports.kept import Kept
from tidegate.proxy import background, background_stream
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.estimate import estimate
from tidegate.proxy.headers import header_value
from tidegate.proxy.kept import Held, held, no_such, page
from tidegate.proxy.provider_kept import forwarded
from tidegate.proxy.reply import JSON, Reply
from tidegate.proxy.responses import chained
from tidegate.wire.splice import splice
from tidegate.wire.sse import SseParser

_LONGEST = 64 << 20


async def _owned(app: App, call: Call) -> Kept:
    id = call.params["id"]
    row = await app.conversations.get(call.key.org, id)
    if row is None or row.kind != "response":
        raise no_such("Response", id)
    return row


async def get(app: App, call: Call, reply: Reply) -> None:
    """`GET /v1/responses/{id}`, whole or (`stream=true`) as events from `starting_after` on."""
    row = await _owned(app, call)
    if row.upstream:
        await forwarded(app, call, reply, row, method="GET")
        return
    found = held(row.body)
    query = parse_qs(call.query.decode("latin-1"))
    if query.get("stream", [""])[0] != "true":
        await reply.whole(200, JSON, dump(found.response), [])
        return
    after = query.get("starting_after", ["-1"])[0]
    if not after.removeprefix("-").isdigit():
        raise bad_request("`starting_after` must be the number of an event.", "starting_after")
    if found.response.get("background") and await background_stream.has_events(await app.conversations.store(), row):
        await background_stream.follow(app, call, reply, row, int(after))
        return
    if row.state == background.ACTIVE:
        raise bad_request(
            "This response was made without `stream`: its events can be had once it has ended.", "stream", "response_in_progress"
        )
    reply.start_stream(call.dialect.stream_type, [])
    reply.piece(_told(call, found, int(after)))
    reply.end_stream()


def _told(call: Call, found: Held, after: int) -> bytes:
    """The events of a finished response, one delta for each block."""
    response = call.dialect.decode_response(dump(found.response), Origin(call.dialect.name))
    request = call.dialect.read_request({"model": response.model, "input": "", "store": True})
    encoder = call.dialect.stream_encoder(Stamp(response.id.removeprefix("resp_"), response.created or 0), request)
    parser = SseParser(_LONGEST)
    frames = [frame for event in unfold(response) for frame in parser.feed(encoder.feed(event))]
    return b"".join(frame.raw for number, frame in enumerate(frames) if number > after)


async def delete(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    if row.upstream:
        if await forwarded(app, call, reply, row, method="DELETE") in (200, 404):
            app.conversations.remove(row.org, row.id)
        return
    app.conversations.remove(row.org, row.id)
    await reply.whole(200, JSON, dump({"id": row.id, "object": "response", "deleted": True}), [])


async def cancel(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    if row.upstream:
        await forwarded(app, call, reply, row, method="POST", suffix="/cancel")
        return
    response = await background.stop(app, row) if row.state == background.ACTIVE else _cancelled(row)
    if response is None:
        raise bad_request("Only a response that was made with `background` can be cancelled, and this one is complete.")
    await reply.whole(200, JSON, dump(response), [])


def _cancelled(row: Kept) -> JsonObject | None:
    """Of a response that was cancelled before: cancelling it again changes nothing, as OpenAI has it."""
    response = held(row.body).response
    return response if response.get("status") == "cancelled" else None


async def input_items(app: App, call: Call, reply: Reply) -> None:
    row = await _owned(app, call)
    if row.upstream:
        await forwarded(app, call, reply, row, method="GET", suffix="/input_items")
        return
    await reply.whole(200, JSON, dump(page(held(row.body).input, call.query)), [])


async def input_tokens(app: App, call: Call, reply: Reply) -> None:
    """An estimate, which the receipt says: nothing is asked of a provider, and what one keeps of a chain is not counted."""
    call.fields = scanned(call.body)
    call.head = call.dialect.head(call.fields)
    chain = await chained(app, call)
    target = call.planner.plan(call.key, call.head.model).targets[0]
    body = call.body if "input" in call.fields.spans else splice(call.fields, {"input": b'""'})
    count = await asyncio.to_thread(estimate, call.asked(as_body(body)), app.tokens, target.model)
    receipt = b"emulated:input_tokens; dropped:previous_response_id" if chain.upstream else b"emulated:input_tokens"
    headers = [(b"x-tidegate-target", header_value(target.name)), (b"x-tidegate-receipt", receipt)]
    await reply.whole(200, JSON, dump({"object": "response.input_tokens", "input_tokens": count}), headers)
