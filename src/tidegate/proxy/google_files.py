"""Files of Google's API, in the same records as those of `files`: an upload begins with a key, and its bytes come to an address of its own,
in any number of pieces. What is not finished within an hour is swept; a file lasts two days, as at Google.

Shapes: https://ai.google.dev/api/files, and for uploads https://ai.google.dev/gemini-api/docs/files.
"""

import re
from collections.abc import AsyncGenerator
from urllib.parse import parse_qs

import msgspec

from tidegate.dialects.gemini.names import camel
from tidegate.dialects.values import dump, object_or_empty, text_or_empty
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request, unsupported
from tidegate.ir.json import JsonObject
from tidegate.policy.ticket import Ticket, written
from tidegate.ports.kept import Kept, KeptStore, Listing, Put
from tidegate.proxy.app import App
from tidegate.proxy.body import arriving, in_full
from tidegate.proxy.call import Call
from tidegate.proxy.file_parts import put_chunks, unfinished
from tidegate.proxy.file_shapes import UNFINISHED, USUAL, WITHOUT_BATCHES, Facts, shown_by_google
from tidegate.proxy.headers import own_address
from tidegate.proxy.kept import no_such
from tidegate.proxy.provider_files import HERE, PROVIDER
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant

_LASTS = 172_800.0
"""Seconds."""
_NAME = re.compile(r"(?!file-)[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_LIST_SIZE, _MOST = 10, 100
_COMMANDS = frozenset(("upload", "finalize", "query", "cancel"))


class _Going(msgspec.Struct):
    """An upload that is not finished: what has come of it, as bytes and as parts. `size` is what the client said will come, if it did."""

    facts: Facts
    size: int | None
    received: int = 0
    place: int = 0


async def start(app: App, call: Call, reply: Reply) -> None:
    """Begins an upload. Raises `GatewayError`."""
    protocol = _header(call, b"x-goog-upload-protocol")
    if protocol != "resumable" or _header(call, b"x-goog-upload-command") != "start":
        raise bad_request("Uploads are begun with `X-Goog-Upload-Protocol: resumable` and `X-Goog-Upload-Command: start`.")
    if _header(call, PROVIDER) not in ("", HERE):
        raise unsupported(
            "Uploads of Google's API are held by the gateway itself: leave the header `x-tidegate-provider` out.", "x-tidegate-provider"
        )
    told = _told(call.body)
    name = text_or_empty(told.get("name")).removeprefix("files/")
    if name and not _NAME.fullmatch(name):
        raise bad_request("`file.name` has up to 40 small letters, digits and dashes, and does not begin with `file-`.", "file.name")
    id = name or f"file-{call.id}"
    size = _number(call, b"x-goog-upload-header-content-length")
    limit = call.snapshot.server.upload_limit
    if size is not None and size > limit:
        raise _too_long(limit)
    media = text_or_empty(told.get("mimeType")) or _header(call, b"x-goog-upload-header-content-type")
    title = text_or_empty(told.get("displayName")) or _header(call, b"x-goog-upload-file-name") or id
    going = _Going(Facts(title, USUAL, size or 0, int(call.at), media), size)
    store, tenant = await app.conversations.store(), Tenant(call.key.org)
    if name and await store.get(tenant, id) is not None:
        raise GatewayError(
            Error(kind=ErrorKind.CONFLICT, message=f"There is a file {id} already.", param="file.name", code="already_exists")
        )
    row = unfinished(call, id, dump(msgspec.to_builtins(going)))
    await store.write(tenant, [Put(row)])
    place = written(Ticket(row.org, row.key, row.id), call.snapshot.pepper)
    url = f"{own_address(call)}/upload/v1beta/files/{place}".encode()
    await reply.whole(200, JSON, b"{}", [(b"x-goog-upload-url", url), (b"x-goog-upload-status", b"active")])


async def upload(app: App, call: Call, reply: Reply) -> None:
    """What comes to the address of an upload. `call.params` has the id of its file, of which the ticket was read. Raises `GatewayError`."""
    store, id = await app.conversations.store(), call.params["id"]
    row = await store.get(Tenant(call.key.org), id)
    if row is None or row.kind != "file" or row.state != UNFINISHED:
        raise no_such("Upload", id)
    commands = {word.strip() for word in _header(call, b"x-goog-upload-command").lower().split(",")}
    if not commands or not commands <= _COMMANDS:
        raise bad_request("`X-Goog-Upload-Command` must be `upload`, `finalize`, `upload, finalize`, `query` or `cancel`.")
    going = msgspec.json.decode(row.body, type=_Going)
    if "cancel" in commands:
        await store.remove(Tenant(row.org), row.id)
        await _answer(reply, b"cancelled", going)
        return
    if "upload" in commands:
        going, row = await _taken(call, store, row, going)
    if "finalize" not in commands:
        await _answer(reply, b"active", going)
        return
    done = await _finished(call, store, row, going)
    await _answer(reply, b"final", going, {"file": shown_by_google(done, own_address(call))})


async def _taken(call: Call, store: KeptStore, row: Kept, going: _Going) -> tuple[_Going, Kept]:
    """The upload with what comes now behind what had come."""
    offset, limit = _number(call, b"x-goog-upload-offset"), call.snapshot.server.upload_limit
    if offset != going.received or call.client is None:
        raise bad_request(f"`X-Goog-Upload-Offset` must be {going.received}: so many bytes have come.", code="invalid_offset")
    most = limit if going.size is None else going.size
    coming = arriving(call.client, call.headers, max(most - going.received, 0), "server.upload_limit")
    counted = _Counted(coming)
    try:
        place = await put_chunks(store, row, counted.pieces(), going.place)
    finally:
        await coming.aclose()
    going = msgspec.structs.replace(going, received=going.received + counted.size, place=place)
    return going, await _changed(store, msgspec.structs.replace(row, body=dump(msgspec.to_builtins(going))))


async def _finished(call: Call, store: KeptStore, row: Kept, going: _Going) -> Kept:
    if going.size not in (None, going.received):
        raise bad_request(f"{going.received} bytes have come, and the upload began with {going.size}.", code="invalid_offset")
    # A piece that broke off and came again in another length may have left more than it has now.
    while later := await store.parts(Tenant(row.org), row.id, after=going.place - 1, limit=4):
        for place, _ in later:
            await store.remove_part(Tenant(row.org), row.id, place)
    facts = msgspec.structs.replace(going.facts, bytes=going.received)
    done = msgspec.structs.replace(row, state=USUAL, expires=call.at + _LASTS, body=dump(msgspec.to_builtins(facts)))
    return await _changed(store, done)


async def _changed(store: KeptStore, row: Kept) -> Kept:
    if not await store.change(Tenant(row.org), row):
        raise GatewayError(Error(kind=ErrorKind.CONFLICT, message="Two requests change this upload at once.", code="conflict"))
    return msgspec.structs.replace(row, revision=row.revision + 1)


async def _answer(reply: Reply, status: bytes, going: _Going, body: JsonObject | None = None) -> None:
    headers = [(b"x-goog-upload-status", status), (b"x-goog-upload-size-received", b"%d" % going.received)]
    await reply.whole(200, JSON, dump(body or {}), headers)


async def listed(app: App, call: Call, reply: Reply) -> None:
    """The list, newest first, in pages of `pageSize`; `pageToken` is the id of the last one before."""
    size, after = page_of(call)
    store = await app.conversations.store()
    rows = await store.page(Tenant(call.key.org), Listing(kinds=("file",), after=after, limit=size + 1, states=WITHOUT_BATCHES))
    page: JsonObject = {"files": [shown_by_google(row, own_address(call)) for row in rows[:size]]} if rows else {}
    if len(rows) > size:
        page["nextPageToken"] = rows[size - 1].id
    await reply.whole(200, JSON, dump(page), [])


def page_of(call: Call) -> tuple[int, str]:
    """`pageSize` and `pageToken`. Raises `GatewayError`."""
    asked = parse_qs(call.query.decode("latin-1"))
    size, after = (asked.get(name, [""])[0] for name in ("pageSize", "pageToken"))
    if size and not (size.isascii() and size.isdigit() and len(size) < 8):
        raise bad_request("`pageSize` must be a number.", "pageSize")
    return max(1, min(int(size or 0) or _LIST_SIZE, _MOST)), after


def _header(call: Call, name: bytes) -> str:
    return call.headers.get(name, b"").decode("latin-1").strip()


def _number(call: Call, name: bytes) -> int | None:
    text = _header(call, name)
    if text and not (text.isascii() and text.isdigit() and len(text) < 16):
        raise bad_request(f"`{name.decode()}` must be a number.")
    return int(text) if text else None


def _told(body: bytes) -> JsonObject:
    """What the client says of its file."""
    file = object_or_empty(in_full(body)).get("file") if body.strip() else None
    return camel(dict(object_or_empty(file)))


def _too_long(limit: int) -> GatewayError:
    message = f"The file is larger than {limit} bytes. The operator sets this limit with `server.upload_limit`."
    return GatewayError(Error(kind=ErrorKind.TOO_LARGE, message=message, code="request_too_large"))


class _Counted:
    """Bytes that come, and how many came."""

    def __init__(self, coming: AsyncGenerator[bytes]) -> None:
        self._coming = coming
        self.size = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        async for piece in self._coming:
            self.size += len(piece)
            yield piece
