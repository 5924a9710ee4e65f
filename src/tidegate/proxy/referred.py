"""Items of a request that are named by their ids alone (`item_reference`), as the Vercel AI SDK names what it was answered before: those of
responses that Tidegate holds are put in their places."""

from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.json import Json
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.kept import held, output_of
from tidegate.wire.splice import splice

_MARK = b'"item_reference"'
_STEM = 32
"""Letters of a call's id, with which the ids of its response and of the items in that begin, each after its kind."""


async def referred(app: App, call: Call) -> str:
    """Puts the items into `call.body`. The id of one that is not held here; empty where there is none."""
    raw = call.fields.get("input")
    if raw is None or _MARK not in raw:
        return ""
    items = parse(raw)
    if type(items) is not list:
        return ""
    found = [await _item(app, call, item) for item in items]
    if found != items:
        call.body = splice(call.fields, {"input": dump(found)})
        call.fields = scanned(call.body)
    return next((text_or_empty(object_or_empty(item).get("id")) for item in found if _is_reference(item)), "")


def _is_reference(item: Json) -> bool:
    return object_or_empty(item).get("type") == "item_reference"


async def _item(app: App, call: Call, item: Json) -> Json:
    id = text_or_empty(object_or_empty(item).get("id"))
    if not id or not _is_reference(item):
        return item
    row = await app.conversations.get(call.key.org, f"resp_{id.partition('_')[2][:_STEM]}")
    if row is None or row.kind != "response" or row.upstream:
        return item
    return next((one for one in output_of(held(row.body).response) if one.get("id") == id), item)
