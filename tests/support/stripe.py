"""What Stripe keeps and refuses, as an HTTP server on loopback: keys, idempotency, customers, subscriptions, meter events with identifiers;
and the signature of what it sends. Written from https://docs.stripe.com/api, not from our client.
"""

import contextlib
import hashlib
import hmac
import itertools
import socket
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate.adapters.server_beside import serving_beside

API_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
WEBHOOK_SECRET = "whsec_of_the_fake"


class Fake:
    """`now` is its clock in Unix seconds. `faults` says what becomes of the next requests: a status that refuses it, or `lost`: it is done,
    and the answer is lost in front of it."""

    def __init__(self) -> None:
        self.now = 0
        self.faults: list[int | str] = []
        self.customers: dict[str, dict[str, str]] = {}
        self.subscriptions: dict[str, dict[str, str]] = {}
        self.events: dict[str, dict[str, str]] = {}
        self.problems: list[str] = []
        self.requests = 0
        self.replayed = 0
        self._keys: dict[str, tuple[str, dict[str, str], int, bytes]] = {}
        self._ids = itertools.count(1)

    async def take(self, request: Request) -> Response:
        self.requests += 1
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return _refused(401, "invalid_request_error", "Invalid API Key provided")
        key = request.headers.get("idempotency-key", "")
        if not key or len(key) > 255 or not request.headers.get("stripe-version"):
            self.problems.append(f"{request.url.path}: no key or no version")
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            return _refused(fault, "api_error", "try again")
        known = self._keys.get(key)
        if known is not None and known[:2] != (request.url.path, form):
            return _refused(400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters")
        if known is None:
            status, body = self._done(request.url.path.removeprefix("/v1/"), form)
            self._keys[key] = (request.url.path, form, status, body)
        else:
            self.replayed += 1
            status, body = known[2:]
        if fault == "lost":
            return Response(b"<html>", 502)
        return Response(body, status, media_type="application/json")

    def _done(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        match path.split("/"):
            case ["customers"]:
                return self._made(self.customers, f"cus_{next(self._ids)}", form)
            case ["customers", id] if id in self.customers:
                return self._made(self.customers, id, form)
            case ["subscriptions"]:
                if form["customer"] not in self.customers or not form["items[0][price]"].startswith("price_"):
                    return 400, b'{"error":{"type":"invalid_request_error","message":"No such customer"}}'
                if int(form["backdate_start_date"]) > self.now:
                    return 400, b'{"error":{"type":"invalid_request_error","message":"backdate_start_date is in the future"}}'
                return self._made(self.subscriptions, f"sub_{next(self._ids)}", form)
            case ["subscriptions", id] if id in self.subscriptions:
                if int(form["cancel_at"]) <= self.now:
                    return 400, b'{"error":{"type":"invalid_request_error","message":"cancel_at is in the past"}}'
                return self._made(self.subscriptions, id, form)
            case ["billing", "meter_events"]:
                if form["identifier"] in self.events or form["payload[stripe_customer_id]"] not in self.customers:
                    return 400, b'{"error":{"type":"invalid_request_error","message":"An event already exists with this identifier"}}'
                self.events[form["identifier"]] = form
                return 200, msgspec.json.encode({"object": "billing.meter_event", "identifier": form["identifier"]})
            case _:
                return 404, b'{"error":{"type":"invalid_request_error","message":"No such object"}}'

    def _made(self, kept: dict[str, dict[str, str]], id: str, form: dict[str, str]) -> tuple[int, bytes]:
        kept.setdefault(id, {}).update(form)
        return 200, msgspec.json.encode({"id": id, **kept[id]})

    def metered(self, customer: str) -> int:
        """What the meter of a customer says."""
        own = (form for form in self.events.values() if form["payload[stripe_customer_id]"] == customer)
        return sum(int(form["payload[value]"]) for form in own)


def signed(event: dict[str, Any], at: int, secret: str = WEBHOOK_SECRET) -> tuple[bytes, str]:
    """(body, `Stripe-Signature`) of an event that is sent at a time."""
    body = msgspec.json.encode(event)
    return body, f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()},v0=old"


@contextlib.asynccontextmanager
async def stripe() -> AsyncGenerator[tuple[Fake, str]]:
    """(the fake, its address), while the context lasts."""
    fake = Fake()
    app = Starlette(routes=[Route("/{path:path}", fake.take, methods=["GET", "POST"])])
    with socket.create_server(("127.0.0.1", 0)) as sock:
        async with serving_beside(app, sock):
            yield fake, f"http://127.0.0.1:{sock.getsockname()[1]}"


def _refused(status: int, kind: str, message: str) -> Response:
    return Response(msgspec.json.encode({"error": {"type": kind, "message": message}}), status, media_type="application/json")
