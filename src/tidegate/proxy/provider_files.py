"""Files that a provider keeps: sent there as they come, by a client that names the provider, or where the operator says that uploads go
there. The id is the provider's own; whose it is, and which credential it was sent with, is written down before the client learns it."""

from urllib.parse import quote

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.json import JsonObject
from tidegate.policy.credentials import drawn, with_account
from tidegate.policy.route import reaches
from tidegate.policy.snapshot import Upstream
from tidegate.ports import Upload, UpstreamAnswer, UpstreamFailure
from tidegate.ports.kept import Kept, Put
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.file_shapes import USUAL, facts_told
from tidegate.proxy.forms import Form
from tidegate.proxy.headers import header_value, outbound, returned, without_secrets
from tidegate.proxy.kept import no_such
from tidegate.proxy.provider_kept import own_headers
from tidegate.proxy.relay import WHOLE_LIMIT
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant

PROVIDER = b"x-tidegate-provider"
"""Where the client wants its file kept."""
HERE = "tidegate"
"""What the header says where the operator's choice shall not count."""
_PATHS = {"openai_chat": "/files", "anthropic": "/v1/files"}
_GONE = 404


async def asked_for(call: Call, form: Form) -> str:
    """The provider that a file shall go to; empty for those that the gateway holds. Batches are read here, so their files are."""
    named = call.headers.get(PROVIDER, b"").decode("latin-1").strip()
    if named:
        return "" if named == HERE else named
    upstreams, own = call.snapshot.upstreams, call.dialect.name
    usual = next((name for name in call.snapshot.server.files_at if upstreams[name].spec.dialect == own), "")
    if not usual or not reaches(call.key, usual):
        return ""
    if own == "openai_chat":
        await form.look("purpose")
        if form.text("purpose") == "batch":
            return ""
    return usual


async def send(app: App, call: Call, reply: Reply, form: Form, provider: str) -> None:
    """Raises `GatewayError` where the provider cannot be asked; what it says itself goes to the client as it is."""
    upstream, account = _place(call, provider)
    if call.dialect.name == "openai_chat":
        await form.look("purpose")
    store = await app.conversations.store()
    sent = {**_headers(call, upstream), "content-type": form.content_type}
    answer = await _asked(app, upstream, _url(upstream), sent, form.sent_as({}), "POST")
    body = await _read(upstream, answer)
    told = _object(body)
    id = text_or_empty(told.get("id"))
    headers = [(b"x-tidegate-target", header_value(upstream.name)), *returned(answer.headers)]
    if not 200 <= answer.status < 300 or not id:
        status = answer.status if answer.status >= 400 else 502
        await reply.whole(status, JSON, without_secrets(body, sent), headers)
        return
    part = form.part("file")
    purpose = form.text("purpose") if call.dialect.name == "openai_chat" else USUAL
    facts = facts_told(told, part.filename or "" if part is not None else "", purpose or USUAL, int(call.at))
    expires = told.get("expires_at")
    row = Kept(
        org=call.key.org,
        id=id,
        key=call.key.id,
        kind="file",
        upstream=upstream.name,
        account=account,
        at=call.at,
        expires=float(expires) if type(expires) is int else None,
        body=dump(msgspec.to_builtins(facts)),
        state=facts.purpose,
    )
    await store.write(Tenant(row.org), [Put(row)])
    await reply.whole(200, JSON, body, headers)


async def content(app: App, call: Call, reply: Reply, row: Kept) -> None:
    """The bytes, as they come. Providers give those of some purposes only."""
    upstream, sent = _kept_at(call, row)
    answer = await _asked(app, upstream, _url(upstream, f"/{quote(row.id, safe='')}/content"), sent, b"", "GET")
    if answer.status != 200:
        await reply.whole(answer.status, JSON, without_secrets(await _read(upstream, answer), sent), returned(answer.headers))
        return
    try:
        media = answer.headers.get("content-type", "application/octet-stream")
        reply.start_file([(b"x-tidegate-target", header_value(upstream.name))], header_value(media))
        while piece := await answer.piece():
            if not reply.piece(piece):
                await reply.drained()
        reply.end_stream()
    finally:
        answer.close()


async def whole(app: App, call: Call, row: Kept, limit: int) -> bytes | None:
    """The bytes of a file, at most `limit`; None where its provider does not give them. Raises `GatewayError`."""
    upstream, sent = _kept_at(call, row)
    answer = await _asked(app, upstream, _url(upstream, f"/{quote(row.id, safe='')}/content"), sent, b"", "GET")
    try:
        return await answer.read(limit) if answer.status == 200 else None
    except UpstreamFailure as broken:
        raise _failed(upstream, broken) from None
    finally:
        answer.close()


async def delete(app: App, call: Call, row: Kept) -> None:
    """Raises `GatewayError` where it is still there."""
    upstream, sent = _kept_at(call, row)
    answer = await _asked(app, upstream, _url(upstream, f"/{quote(row.id, safe='')}"), sent, b"", "DELETE")
    body = await _read(upstream, answer)
    if not 200 <= answer.status < 300 and answer.status != _GONE:
        message = text_or_empty(object_or_empty(_object(without_secrets(body, sent)).get("error")).get("message"))
        raise GatewayError(Error(kind=ErrorKind.UPSTREAM, message=message or f"{upstream.name} did not delete the file."))


def _place(call: Call, provider: str) -> tuple[Upstream, str]:
    """Where a new file goes, and with which credential. Raises `GatewayError`."""
    own = call.dialect.name
    if not reaches(call.key, provider):
        message = f"The key `{call.key.name}` may not use models of the provider `{provider[:64]}`."
        raise GatewayError(Error(kind=ErrorKind.PERMISSION, message=message, code="model_not_allowed"))
    found = drawn(call.snapshot, call.key.org, provider, call.id)
    if found is None:
        raise bad_request(f"The header `x-tidegate-provider` names `{provider[:64]}`, which is no provider of this gateway.")
    upstream, account = found
    if upstream.missing is not None:
        raise bad_request(f"The provider `{provider}` cannot be used: {upstream.missing}.", code="provider_not_configured")
    if upstream.spec.dialect != own:
        message = f"`{provider}` does not take files in this API: leave the header out, and the gateway holds the file for every model."
        raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=message, code="unsupported_operation"))
    return upstream, account


def _kept_at(call: Call, row: Kept) -> tuple[Upstream, dict[str, str]]:
    """The provider that has the file, with the headers of a call to it. Raises `GatewayError` where its credential is gone."""
    upstream = with_account(call.snapshot, row.org, row.upstream, row.account)
    if upstream is None:
        raise no_such("File", row.id, "id")
    return upstream, _headers(call, upstream)


def _headers(call: Call, upstream: Upstream) -> dict[str, str]:
    same = call.dialect.name == upstream.spec.dialect
    sent = outbound(call, call.dialect, identity=True) if same else {}
    beta = {"anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14"} if upstream.spec.dialect == "anthropic" else {}
    return {**beta, **sent, **own_headers(upstream)}


def _url(upstream: Upstream, suffix: str = "") -> str:
    return f"{upstream.base_url}{_PATHS[upstream.spec.dialect]}{suffix}"


async def _asked(app: App, upstream: Upstream, url: str, headers: dict[str, str], body: bytes | Upload, method: str) -> UpstreamAnswer:
    try:
        return await app.upstream.open(upstream, url, headers, body, stream=False, method=method)
    except UpstreamFailure as broken:
        raise _failed(upstream, broken) from None


async def _read(upstream: Upstream, answer: UpstreamAnswer) -> bytes:
    try:
        return await answer.read(WHOLE_LIMIT)
    except UpstreamFailure as broken:
        raise _failed(upstream, broken) from None
    finally:
        answer.close()


def _failed(upstream: Upstream, broken: UpstreamFailure) -> GatewayError:
    return GatewayError(Error(kind=ErrorKind.UPSTREAM, message=f"{upstream.name} cannot be asked: {broken}"))


def _object(body: bytes) -> JsonObject:
    try:
        return object_or_empty(parse(body))
    except ValueError:
        return {}
