"""The control API as an ASGI application, made from the table. `tidegate.app` serves it on a listener of its own."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from tidegate.control.api.billing_webhook import PATH as EVENTS_PATH
from tidegate.control.api.billing_webhook import events
from tidegate.control.api.call import Services
from tidegate.control.api.endpoint import endpoint, refusal
from tidegate.control.api.leaked_keys import PATH as LEAKS_PATH
from tidegate.control.api.leaked_keys import leaks
from tidegate.control.api.openapi import render
from tidegate.control.api.problem import Problem
from tidegate.control.api.routes import ROUTES
from tidegate.control.api.table import OPENAPI_PATH, Route


def create_app(services: Services, routes: Sequence[Route] = ROUTES) -> Starlette:
    """Serves the routes and the document about them, made when it is first asked for; anything else is 404."""
    document = functools.cache(lambda: render(routes))

    async def openapi(_request: Request) -> Response:
        return Response(await asyncio.to_thread(document), media_type="application/json")

    async def unmatched(_request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        status = HTTPStatus(error.status_code)
        kind = "method" if status == HTTPStatus.METHOD_NOT_ALLOWED else "not-found"
        headers = dict(error.headers or {})
        return refusal(Problem(status, kind, "There is no such route.", headers=headers), services.random.request_id())

    handlers: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {HTTPException: unmatched}
    served = [StarletteRoute(route.full_path, endpoint(services, route), methods=[route.method], name=route.name) for route in routes]
    webhook = events(services.store, services.signed, services.now)
    served.append(StarletteRoute(EVENTS_PATH, webhook, methods=["POST"], name="stripe_events"))
    leaked = leaks(services.store, services.peppers, services.leak_signed, services.revoke_local, services.now, services.changed)
    served.append(StarletteRoute(LEAKS_PATH, leaked, methods=["POST"], name="leaked_keys"))
    served.append(StarletteRoute(OPENAPI_PATH, openapi, methods=["GET"], name="openapi"))
    app = Starlette(routes=served, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app
