"""One route as an ASGI endpoint: identify, authorise, decode, handle and answer, all changes in one transaction.

The order is fixed. Who asks comes first; then whether they hold the route's permission anywhere in the tenant, before a byte of the body
is read; then what they sent; then whether they hold it on the very scope. The route is the object that the router matched: nothing is
decided by the text of the URL.
"""

import hmac
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tidegate.control.api.asked import decode_asked, idempotency_key, refuse_strange_ids
from tidegate.control.api.call import Call, Services, etag
from tidegate.control.api.identify import Caller, bearer, identify
from tidegate.control.api.problem import CONTENT_TYPE, Problem, conflict, forbidden, not_found, unavailable
from tidegate.control.api.table import AUTHENTICATED, Route
from tidegate.logs import Log
from tidegate.policy.roles import allows, allows_below, org_scope
from tidegate.ports import StorageUnavailable
from tidegate.ports.control import Change, View
from tidegate.records import Actor, Conflict, Organisation, Remembered, Tenant

REMEMBERED_FOR = 24 * 3600 * 1_000_000
"""Microseconds that the answer to an idempotent request is kept."""

CSV = "text/csv; charset=utf-8"
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_LOG = Log("tidegate.control")


class _Replay(Exception):
    """The answer was given before; nothing is changed."""

    def __init__(self, remembered: Remembered) -> None:
        super().__init__("answered before")
        self.remembered = remembered


def endpoint(services: Services, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """The route's endpoint."""

    async def serve(request: Request) -> Response:
        request_id = services.random.request_id()
        try:
            return await _answer(services, route, request, request_id)
        except Problem as problem:
            return refusal(problem, request_id)
        except Conflict as error:
            return refusal(conflict(f"This cannot be done: {error}."), request_id)
        except StorageUnavailable as error:
            _LOG.warning("the database is away for the control API", route=route.name, request_id=request_id, error=str(error))
            return refusal(unavailable(), request_id)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            _LOG.exception("a request to the control API failed", route=route.name, request_id=request_id, error=type(error).__name__)
            detail = "The gateway could not do this. Its log has the request's id."
            return refusal(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail), request_id)

    return serve


def refusal(problem: Problem, request_id: str) -> Response:
    headers = {**_HEADERS, **problem.headers, "x-request-id": request_id}
    return Response(problem.body(request_id), problem.status, headers, CONTENT_TYPE)


async def _answer(services: Services, route: Route, request: Request, request_id: str) -> Response:
    now = services.now()
    peer = request.client.host if request.client is not None else ""
    caller = await identify(services.store, services.peppers, bearer(request.headers.get("authorization")), now, peer)
    params: dict[str, str] = request.path_params
    refuse_strange_ids(params)
    tenant = Tenant(params["org"]) if "org" in params else caller.tenant
    _refuse_early(route, caller, tenant)
    body, asked = await decode_asked(route, request)
    once = idempotency_key(request) if route.creates else None

    async def handle(view: View, change: Change | None) -> Response:
        call = Call(services, caller, tenant, view, params, now=now, if_match=request.headers.get("if-match"))
        if change is not None:
            call.may_change(change)
        if await view.get(Organisation) is None:
            raise not_found()
        await _authorise(route, call, asked)
        if change is None or once is None:
            answer = await route.handler(call, asked)
            if route.csv is not None and _wants_csv(request):
                headers = {**_HEADERS, "x-request-id": request_id, "vary": "accept", **_next_page(request, answer)}
                return Response(route.csv(asked, answer), route.status, headers, CSV)
            return _response(route, answer, request_id)
        # Keyed, because a body may hold a secret.
        asked_for = b"\0".join((route.name.encode(), msgspec.json.encode(params, order="sorted"), body))
        fingerprint = hmac.digest(services.peppers.secret, asked_for, "sha256")
        earlier = await change.remembered(call.actor_name, once, now)
        if earlier is not None:
            _refuse_another_request(earlier, fingerprint)
            raise _Replay(earlier)
        answer = await route.handler(call, asked)
        kept = route.forget(answer) if route.forget is not None and answer is not None else answer
        await change.remember(
            Remembered(
                owner=call.actor_name,
                key=once,
                fingerprint=fingerprint,
                status=route.status,
                answer=msgspec.json.encode(kept),
                created_at=now,
                expires_at=now + REMEMBERED_FOR,
            )
        )
        return _response(route, answer, request_id)

    if route.method == "GET" or route.reads:
        async with services.store.view(tenant) as view:
            return await handle(view, None)
    actor = Actor(kind=caller.kind, id=caller.id, request_id=request_id, address=peer)
    transaction: AbstractAsyncContextManager[Change] = services.store.change(tenant, actor)
    try:
        async with transaction as change:
            response = await handle(change, change)
    except _Replay as replay:
        headers = {**_HEADERS, "x-request-id": request_id, "idempotency-replayed": "true"}
        return Response(replay.remembered.answer, replay.remembered.status, headers, "application/json")
    services.changed()
    return response


def _next_page(request: Request, answer: object) -> dict[str, str]:
    """Of a list that has more, as RFC 8288 says: comma-separated values have no room for it."""
    following: str | None = getattr(answer, "next", None)
    if following is None:
        return {}
    url = request.url.include_query_params(cursor=following)
    return {"link": f'<{url.path}?{url.query}>; rel="next"'}


def _wants_csv(request: Request) -> bool:
    """Whether it is asked for by name, before anything else."""
    return request.headers.get("accept", "").partition(",")[0].partition(";")[0].strip().lower() == "text/csv"


def _refuse_early(route: Route, caller: Caller, tenant: Tenant) -> None:
    """Another tenant does not exist for the caller; within one's own, a permission that is held nowhere is said to be missing."""
    scope = org_scope(tenant.org_id)
    if tenant != caller.tenant and not any(allows_below((held,), name, scope) for held in caller.grants for name in held.permissions):
        raise not_found()
    if route.permission != AUTHENTICATED and not allows_below(caller.grants, route.permission, scope):
        raise forbidden(f"This needs the permission `{route.permission}`.")


async def _authorise(route: Route, call: Call, asked: Any) -> None:
    if route.permission == AUTHENTICATED:
        return
    scope = await route.where(call, asked)
    if allows(call.caller.grants, route.permission, scope):
        return
    resource = route.permission.partition(":")[0]
    if route.of_a_row and not allows(call.caller.grants, f"{resource}:read", scope):
        raise not_found()
    raise forbidden(f"This needs the permission `{route.permission}` on `{scope}`.")


def _refuse_another_request(earlier: Remembered, fingerprint: bytes) -> None:
    if earlier.fingerprint != fingerprint:
        detail = "This Idempotency-Key was used for another request: take a new one."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key", detail)


def _response(route: Route, answer: msgspec.Struct | None, request_id: str) -> Response:
    headers = {**_HEADERS, "x-request-id": request_id}
    if answer is None:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    revision = getattr(answer, "revision", None)
    if isinstance(revision, int):
        headers["etag"] = etag(revision)
    return Response(msgspec.json.encode(answer), route.status, headers, "application/json")
