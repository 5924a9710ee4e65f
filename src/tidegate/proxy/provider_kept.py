"""What a provider keeps of a tenant's responses, asked of that provider: read, delete, cancel. Only after the owner was checked."""

from collections.abc import Mapping
from urllib.parse import quote

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.credentials import with_account
from tidegate.policy.snapshot import Upstream
from tidegate.ports import UpstreamFailure
from tidegate.ports.kept import Kept
from tidegate.providers.auth import auth_headers, exchanges
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.headers import header_value, returned, without_secrets
from tidegate.proxy.kept import no_such
from tidegate.proxy.relay import WHOLE_LIMIT
from tidegate.proxy.reply import JSON, Reply

_QUERY = frozenset(("stream", "starting_after", "include", "include[]", "include_obfuscation", "limit", "order", "after"))


async def forwarded(app: App, call: Call, reply: Reply, row: Kept, *, method: str, suffix: str = "") -> int:
    """Passes the call on and the answer back. The provider's status. Raises `GatewayError`."""
    upstream = with_account(call.snapshot, row.org, row.upstream, row.account)
    if upstream is None:
        raise no_such("Response", row.id)
    asked = "&".join(part for part in call.query.decode("latin-1").split("&") if part.partition("=")[0] in _QUERY)
    url = f"{upstream.base_url}/responses/{quote(row.id, safe='')}{suffix}{'?' if asked else ''}{asked}"
    stream = "stream=true" in asked
    try:
        sent = own_headers(upstream)
        answer = await app.upstream.open(upstream, url, sent, b"", stream=stream, method=method)
        try:
            headers = [(b"x-tidegate-target", header_value(upstream.name)), *returned(answer.headers)]
            if stream and answer.status == 200:
                reply.start_stream(call.dialect.stream_type, headers)
                while piece := await answer.piece():
                    if not reply.piece(piece):
                        await reply.drained()
                reply.end_stream()
            else:
                body = await answer.read(WHOLE_LIMIT)
                await reply.whole(answer.status, JSON, body if answer.status == 200 else without_secrets(body, sent), headers)
        finally:
            answer.close()
    except UpstreamFailure as broken:
        if reply.status:
            raise GatewayError(Error(kind=ErrorKind.UPSTREAM, message=f"{upstream.name} broke off: {broken}")) from None
        raise GatewayError(Error(kind=ErrorKind.UPSTREAM, message=f"{upstream.name} cannot be asked: {broken}")) from None
    return answer.status


def own_headers(upstream: Upstream, *, exchanged: bool = False) -> Mapping[str, str]:
    """What a call of our own to a provider has; with `exchanged`, all but what its credential is exchanged for. Raises `GatewayError`
    where the credential cannot be sent."""
    try:
        secret = upstream.credential.reveal() if upstream.credential is not None else None
        exchange = exchanges(upstream.auth, secret)
        if exchange and not exchanged:
            raise ValueError(f"the credential for {upstream.name} is none that can be sent as it is, which only generations do without")
        own = auth_headers(upstream.spec, None if exchange else secret, upstream.auth)
    except ValueError as unusable:
        raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=f"{unusable}.", code="unusable_credential")) from None
    return {"content-type": "application/json", "user-agent": "tidegate", "accept-encoding": "identity", **own, **dict(upstream.headers)}
