"""Keys that a scanner has found where everybody can read them: they end at once. Not a route of the table: its caller has no admin key but
a signature under a secret that both sides have. Whole tokens are sent, so that nobody ends a key by guessing its id.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from tidegate.control.api.identify import Peppers, ended
from tidegate.policy.keys import token_digest, token_id
from tidegate.ports import StorageUnavailable
from tidegate.ports.control import ControlStore
from tidegate.records import EVERYONE, Actor, ApiKey, Conflict, Tenant

PATH = "/api/v1/leaked-keys"
HEADER = "tidegate-signature"
MOST = 1 << 20

Verify = Callable[[str, bytes], bool]
"""(the signature's header, the body) -> whether whoever has the secret signed it, now."""
RevokeLocal = Callable[[str], bool]
"""Ends a key of the gateway's own file by its token; whether it is one. Called in a thread."""


class Leaked(msgspec.Struct, frozen=True):
    """`url` is where it was found, for the audit log."""

    token: Annotated[str, Meta(max_length=512)]
    url: Annotated[str, Meta(max_length=2000)] = ""


class Report(msgspec.Struct, frozen=True):
    keys: Annotated[list[Leaked], Meta(max_length=1000)]


class Result(msgspec.Struct, frozen=True):
    """`id` is the public part of a token; null where it is none of ours."""

    id: str | None
    result: Literal["revoked", "ended", "unknown"]


class Results(msgspec.Struct, frozen=True):
    keys: list[Result]


def leaks(
    store: ControlStore, peppers: Peppers, verify: Verify, revoke_local: RevokeLocal, now: Callable[[], int], changed: Callable[[], None]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. 400 for what is not signed or no report, 503 where it cannot be kept: send it again then."""

    async def take(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST:
                return Response(status_code=413)
        if not verify(request.headers.get(HEADER, ""), bytes(body)):
            return Response(status_code=400)
        try:
            report = msgspec.json.decode(bytes(body), type=Report)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Response(status_code=400)
        try:
            results = [await _ended(store, peppers, revoke_local, leaked, now()) for leaked in report.keys]
        except (StorageUnavailable, Conflict):
            return Response(status_code=503, headers={"retry-after": "2"})
        changed()
        return Response(msgspec.json.encode(Results(results)), media_type="application/json", headers={"cache-control": "no-store"})

    return take


async def _ended(store: ControlStore, peppers: Peppers, revoke_local: RevokeLocal, leaked: Leaked, now: int) -> Result:
    public = token_id(leaked.token)
    if public is None:
        return Result(None, "unknown")
    async with store.view(EVERYONE) as view:
        found = await view.find_key(public)
    if found is None or not _is_right(found[1], peppers, leaked.token):
        return Result(public, "revoked" if await asyncio.to_thread(revoke_local, leaked.token) else "unknown")
    return Result(public, await _revoked(store, found[0], public, leaked.url, now))


async def _revoked(store: ControlStore, tenant: Tenant, public: str, url: str, now: int) -> Literal["revoked", "ended"]:
    async with store.change(tenant, Actor(kind="system", id="leaked-keys", reason=url)) as change:
        row = await change.get(ApiKey, public)
        if row is None or ended(msgspec.structs.replace(row, disabled_at=None), now) is not None:
            return "ended"
        await change.replace(msgspec.structs.replace(row, revoked_at=now), "key.revoke")
    return "revoked"


def _is_right(key: ApiKey, peppers: Peppers, token: str) -> bool:
    pepper = peppers.of(key.pepper_version)
    return pepper is not None and hmac.compare_digest(key.digest, token_digest(pepper, token))
