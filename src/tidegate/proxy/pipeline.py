"""A call from top to bottom: the file to read first.

Who calls, what do they ask for, where may it go; `through` then tries one target after the other until the client has an answer.
"""

from collections.abc import Awaitable

from tidegate.ir.errors import GatewayError
from tidegate.policy.identify import refuse_query_key
from tidegate.policy.reach import client_address, out_of_place
from tidegate.policy.signed import claimed, is_signed, prove
from tidegate.policy.ticket import read
from tidegate.ports import Client
from tidegate.proxy.app import App
from tidegate.proxy.body import scanned
from tidegate.proxy.call import Call
from tidegate.proxy.prepare import prepare
from tidegate.proxy.reply import Reply
from tidegate.proxy.through import through


def identified(call: Call, client: Client) -> None:
    """Finds the key of the caller, in all of the headers as they came. Raises `GatewayError`."""
    refuse_query_key(call.query)
    if "ticket" in call.params:
        _of_ticket(call)
    elif is_signed(call.headers.get(b"authorization", b"")):
        call.signed = claimed(call.planner.callers, call.headers, call.at)
        call.key = call.signed.key
    else:
        call.key = call.planner.callers.caller(client.headers, call.headers, call.at)
    if call.signed is None:
        _refuse_elsewhere(call, client)


def _of_ticket(call: Call) -> None:
    """Of a client that has an address instead of a key. Raises `GatewayError`."""
    ticket = read(call.params["ticket"], call.snapshot.pepper)
    call.key = call.planner.callers.named(ticket.key, ticket.org, call.at)
    call.params = {"id": ticket.id}


def _refuse_elsewhere(call: Call, client: Client) -> None:
    """Of a key that is bound to addresses. Raises `GatewayError`."""
    reach = call.key.reach
    if reach is None or not reach.addresses:
        return
    address = client_address(client.peer, client.headers, call.snapshot.server.trusted_proxies)
    error = out_of_place(reach, call.key.name, address)
    if error is not None:
        raise GatewayError(error)


def proved(call: Call, client: Client, method: str) -> None:
    """Checks the signature of a caller that signs, now that the body is there, and then whether its key works. Raises `GatewayError`."""
    if call.signed is not None:
        prove(
            call.signed,
            call.snapshot.pepper,
            method=method,
            path=call.path,
            query=call.query,
            headers=call.headers,
            body=call.body,
        )
        call.key = call.planner.callers.working(call.key, call.at)
        _refuse_elsewhere(call, client)


def generate(app: App, call: Call, reply: Reply) -> Awaitable[None]:
    """One generation. Raises `GatewayError` where the client has got nothing yet."""
    call.fields = scanned(call.body)
    if not call.head.model:
        call.head = call.dialect.head(call.fields)
    return through(app, call, call.planner.plan(call.key, call.head.model), reply, prepare)
