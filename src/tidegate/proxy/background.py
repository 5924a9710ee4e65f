"""Responses in the background for providers that keep none: the client gets an id at once, the gateway asks the model and keeps the answer.

A response that is not answered is work in the store, so that it outlives the process: the runner of batches finds it and calls `Answerer`.
"""

import asyncio

import msgspec

from tidegate.dialects.openai_responses.encode_response import frame_of
from tidegate.dialects.openai_responses.usage import nothing_yet
from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.logs import Log
from tidegate.policy.overload.queue import Priority
from tidegate.ports.kept import Append, Kept, KeptStore, Put
from tidegate.proxy import background_stream
from tidegate.proxy.admission import end_user
from tidegate.proxy.app import App
from tidegate.proxy.background_stream import ACTIVE, Recorder, counted
from tidegate.proxy.call import Call
from tidegate.proxy.inside import NobodysClient, Told, ask, our_call
from tidegate.proxy.kept import Held, held
from tidegate.proxy.paths import Surface
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant
from tidegate.wire.splice import splice

OK = 200
_BEGUN = 2
"""Parts of a response that is followed before anything of its answer was told: the request, and its first events."""
_GONE = b'{"error":{"message":"The gateway ended while the response was made.","code":"server_error"}}'
_BROKEN = b'{"error":{"message":"The provider broke off.","code":"server_error"}}'

_LOG = Log("tidegate.background")


async def begin(app: App, call: Call, reply: Reply, said: list[JsonObject], asked: bytes, expires: float) -> None:
    """Writes the response down as work and tells its id. `asked` is the request as it came, `said` everything that its chain says."""
    tenant = Tenant(call.key.org)
    response = _begun(call)
    row = Kept(
        org=tenant.org_id,
        id=f"resp_{call.id}",
        key=call.key.id,
        kind="response",
        upstream="",
        at=call.at,
        expires=expires,
        body=dump(Held(said, response)),
        state=ACTIVE,
        end_user=end_user(call.fields, call.dialect.name),
    )
    store = await app.conversations.store()
    parts = (asked, background_stream.first(response)) if call.head.stream else (asked,)
    await store.write(tenant, [Put(row), *(Append(row.org, row.id, part, row.expires) for part in parts)])
    if app.late.batched is not None:
        app.late.batched()
    if call.head.stream:
        await background_stream.follow(app, call, reply, row, -1)
        return
    await reply.whole(200, JSON, dump(response), [])


def _begun(call: Call) -> JsonObject:
    """The response as long as nothing of it is known. Raises `GatewayError` for a request that cannot be read."""
    previous = call.fields.get("previous_response_id")
    return {
        **frame_of("", call.head.model, int(call.at), None, call.stamp, call.meant()),
        "status": "queued",
        "background": True,
        "store": True,
        "previous_response_id": None if previous is None else parse(previous),
        "incomplete_details": None,
        "output": [],
        "usage": nothing_yet(),
    }


async def stop(app: App, row: Kept) -> JsonObject | None:
    """The response, cancelled; None where it has ended meanwhile."""
    found = held(row.body)
    found.response["status"] = "cancelled"
    store = await app.conversations.store()
    if not await store.change(Tenant(row.org), msgspec.structs.replace(row, state="", body=dump(found))):
        return None
    if app.late.batched is not None:
        app.late.batched()
    return found.response


class Answerer:
    """Answers one response that waits in the store. `surface` is that of `POST /v1/responses`."""

    def __init__(self, app: App, surface: Surface) -> None:
        self._app = app
        self._surface = surface

    async def __call__(self, store: KeptStore, row: Kept) -> None:
        tenant = Tenant(row.org)
        parts = await store.parts(tenant, row.id)
        found = held(row.body)
        if found.response.get("status") != "in_progress":
            found.response["status"] = "in_progress"
            if not await store.change(tenant, msgspec.structs.replace(row, body=dump(found))):
                return
            row = msgspec.structs.replace(row, revision=row.revision + 1)
        if len(parts) > 1:
            found.response |= await self._streamed(store, row, parts[0][1], found.response, was_begun=len(parts) > _BEGUN)
        else:
            found.response |= _outcome(await self._asked(row, parts[0][1], NobodysClient()))
        await store.change(tenant, msgspec.structs.replace(row, state="", body=dump(found)))

    async def _streamed(self, store: KeptStore, row: Kept, asked: bytes, response: JsonObject, *, was_begun: bool) -> JsonObject:
        """What becomes of a response whose events are followed. One whose first events were told by a process that is gone has failed: what
        a model says a second time is something else."""
        id = self._app.random.request_id()
        recorder = Recorder(row, response, id)
        told = Told(500, _GONE, "")
        if was_begun:
            recorder.number = await counted(store, row)
        else:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(recorder.write(store, row))
                told = await self._asked(row, asked, recorder, id)
                recorder.over.set()
        if recorder.ended is None:
            failed = _outcome(told) if told.status != OK else _outcome(Told(500, _BROKEN, ""))
            recorder.tell({"type": "response.failed", "response": {**response, **failed}})
        await recorder.flush(store, row)
        return recorder.ended or {}

    async def _asked(self, row: Kept, asked: bytes, client: NobodysClient, id: str = "") -> Told:
        app = self._app
        try:
            key = app.live.current.callers.named(row.key, row.org, app.clock.now())
        except GatewayError as gone:
            return Told(gone.error.http_status, dump({"error": {"message": gone.error.message, "code": gone.error.code}}), "")
        call = our_call(app, key, self._surface, asked, priority=Priority.BACKGROUND)
        call.id = id or call.id
        try:
            return await ask(app, call, self._surface, client)
        except Exception:
            _LOG.exception("a response in the background failed", request_id=call.request_id, response=row.id)
            return Told(500, b'{"error":{"message":"The gateway failed on this request.","code":"server_error"}}', call.request_id)


def unstored(call: Call) -> bytes:
    """The request as it is asked later: what becomes of its answer is not decided again."""
    return splice(call.fields, {"store": b"false"}, drop=["background"])


def _outcome(told: Told) -> JsonObject:
    try:
        answer = object_or_empty(parse(told.body))
    except ValueError:
        answer = {}
    if told.status == 200:
        kept: JsonObject = {name: value for name, value in answer.items() if name not in ("id", "created_at", "previous_response_id")}
        return {**kept, "background": True, "store": True}
    error = object_or_empty(answer.get("error"))
    code: Json = error.get("code") or "server_error"
    return {"status": "failed", "error": {"code": code, "message": error.get("message") or "The provider gave no answer."}}
