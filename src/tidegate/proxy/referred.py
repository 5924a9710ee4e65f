"""Items of a request that are named by their ids alone (`item_reference`), as the Vercel AI SDK names what it was answered before: those of
responses that Tidegate holds are put in their places, those that a provider keeps must have been answered to the same organisation."""

from collections.abc import Iterator, Sequence

import msgspec

from tidegate.dialects.references import Reference
from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.policy.route import Plan
from tidegate.ports.kept import Kept
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.kept import held, no_such, output_of, sendable
from tidegate.proxy.named import outside
from tidegate.wire.splice import splice

_ESCAPE = b"\\u00"
_FIELD = "input"
_MOST = 100
_STEM = 32
"""Letters of a call's id, with which the ids of its response and of the items in that begin, each after its kind."""


class Look(msgspec.Struct):
    """What of an item tells whether its id stands for it. A reference may leave its type out, and an image is named by the id of its call:
    https://developers.openai.com/api/docs/guides/image-generation (multi-turn editing)."""

    id: str | None = None
    type: str | None = None
    role: str | None = None
    result: str | None = None
    encrypted_content: str | None = None

    @property
    def is_reference(self) -> bool:
        return self.type == "item_reference" or (self.type is None and self.role is None)

    @property
    def is_thought(self) -> bool:
        return self.type == "reasoning" and not self.encrypted_content

    @property
    def is_image(self) -> bool:
        return self.type == "image_generation_call" and not self.result


_LOOKS = msgspec.json.Decoder(list[Look])


def goes_on(body: JsonObject) -> bool:
    """Whether a request of the Responses API names what was said before instead of saying it."""
    if body.get("previous_response_id") or body.get("conversation"):
        return True
    return any(look.is_reference or look.is_thought or look.is_image for look in _looks(dump(body.get(_FIELD))))


def _looks(raw: bytes | None) -> list[Look]:
    """Items that have an id, after a look at the bytes of all of them."""
    if raw is None or (b'"id"' not in raw and _ESCAPE not in raw):
        return []
    try:
        return [look for look in _LOOKS.decode(raw) if look.id]
    except msgspec.MsgspecError:
        items = parse(raw)
        return [_look(object_or_empty(item)) for item in items] if type(items) is list else []


def _look(item: JsonObject) -> Look:
    """Of an item with fields of wrong types, which are somebody else's to tell."""
    return Look(**{name: text_or_empty(item[name]) for name in Look.__struct_fields__ if item.get(name) is not None})


async def referred(app: App, call: Call) -> list[str]:
    """Puts the items into `call.body`. The ids of those that are not held here."""
    raw = call.fields.get(_FIELD)
    if raw is None or not any(look.is_reference for look in _looks(raw)):
        return []
    items = parse(raw)
    if type(items) is not list:
        return []
    found = [await _item(app, call, item) for item in items]
    if found != items:
        call.body = splice(call.fields, {"input": dump(found)})
        call.fields = scanned(call.body)
    return [text_or_empty(object_or_empty(item).get("id")) for item in found if _is_reference(item)]


async def kept_where(app: App, call: Call, plan: Plan, ids: Sequence[str]) -> Plan:
    """The plan with the targets that keep these items for the organisation. Raises `GatewayError` where there is none."""
    if len(ids) > _MOST:
        raise unsupported(f"A request may name {_MOST} items at most.", _FIELD)
    own = call.dialect.name
    targets = tuple(target for target in plan.targets if target.dialect_for(own) == own)
    for id in ids:
        if not targets:
            raise no_such("Item", id, _FIELD)
        row = await app.conversations.get(call.key.org, id)
        if row is None or row.kind != "item":
            targets = await outside(app, call, plan, targets, Reference(id, "Item", _FIELD))
        else:
            there = tuple(target for target in targets if (target.upstream.name, target.account_id) == (row.upstream, row.account))
            if not there:
                raise unsupported(
                    f"The item {id[:128]} is kept by `{row.upstream}`, and this model is not there: send the item itself.", _FIELD
                )
            targets = there
    return plan if targets == plan.targets else plan.only(targets)


def looked(call: Call, plan: Plan) -> Sequence[Look]:
    """The items that a provider of the plan would look at by their ids, where it keeps items."""
    return _looks(call.fields.get(_FIELD)) if any(target.upstream.spec.keeps for target in plan.targets) else ()


def images_of(looks: Sequence[Look]) -> list[str]:
    """Ids of images that stand for what a provider made before: it reads them by their id, where they do not come in the item itself."""
    return [look.id for look in looks if look.id and look.is_image]


async def refuse_anothers(app: App, call: Call, looks: Sequence[Look]) -> None:
    """A provider that keeps items reads reasoning by its id, where it does not come in the item itself: that of another organisation is not
    there. Raises `GatewayError`."""
    ids = {look.id for look in looks if look.id and look.is_thought}
    if not ids:
        return
    store = await app.conversations.store()
    for id in ids:
        if await store.is_anothers(call.key.org, id):
            raise no_such("Item", id, _FIELD)


def items_kept(row: Kept, response: JsonObject) -> Iterator[Kept]:
    """The items of a response that a provider gave ids to: as the response's own `row` says, whose they are where the provider keeps them,
    and what they are where nobody does."""
    for item in output_of(response):
        id = text_or_empty(item.get("id"))
        if id:
            yield msgspec.structs.replace(row, id=id, kind="item", body=b"" if row.upstream else dump(item))


def _is_reference(item: Json) -> bool:
    look = _look(object_or_empty(item))
    return bool(look.id) and look.is_reference


async def _item(app: App, call: Call, item: Json) -> Json:
    id = text_or_empty(object_or_empty(item).get("id"))
    if not _is_reference(item):
        return item
    row = await app.conversations.get(call.key.org, f"resp_{id.partition('_')[2][:_STEM]}")
    if row is None or row.kind != "response" or row.upstream:
        kept = await app.conversations.get(call.key.org, id)
        return parse(kept.body) if kept is not None and kept.kind == "item" and not kept.upstream else item
    found = held(row.body)
    said = next((one for one in output_of(found.response) if one.get("id") == id), None)
    return said or next((sendable([one])[0] for one in found.input if one.get("id") == id), item)
