"""From the client's bytes to the provider's: spliced where both speak one dialect, decoded and encoded where they do not.

Called by `attempt` once for each target, because a fallback may change which of the two it is.
"""

from collections.abc import Callable

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.dialects.choose import passes
from tidegate.ir.content import Origin
from tidegate.ir.errors import unsupported
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.policy.route import Plan
from tidegate.policy.secret import Secret
from tidegate.policy.sending import Sending
from tidegate.policy.snapshot import Target
from tidegate.ports import Upload
from tidegate.providers.quirks import apply_quirks
from tidegate.proxy import thinking
from tidegate.proxy.app import App
from tidegate.proxy.body import in_full
from tidegate.proxy.call import Call
from tidegate.proxy.credentials import prove
from tidegate.proxy.defaults import WITHIN, put_within
from tidegate.proxy.headers import outbound, outbound_query
from tidegate.wire.framings import SSE
from tidegate.wire.splice import Fields, scan, splice

_ONE_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Two names of one field: where the client sent either, a route's default for the other is none."""


class Prepared(msgspec.Struct, frozen=True):
    """What goes to the provider, and how its answer comes back. `request` is what the client asked, None on the identity path."""

    url: str
    headers: dict[str, str]
    body: bytes
    dialect: Dialect
    origin: Origin
    losses: list[Loss]
    request: Request | None = None
    framing: str = SSE
    hide_usage: bool = False
    credential: Secret | None = None
    """What an access token must be had for before the call is sent: see `access`."""
    exchange: bool = False
    output: int | None = None
    """Output tokens at most, where the kind of request says so and not its body."""
    unbounded: str = ""
    """What of the answer nothing bounds."""
    convert: Callable[[bytes], bytes] | None = None
    """Makes the client's answer of the provider's whole one, where an operation has another shape there."""
    media: bool = False
    """The answer is no JSON but bytes of a media type."""
    upload: Upload | None = None
    """What is sent in place of the body."""

    @property
    def identity(self) -> bool:
        return self.request is None


def prepare(app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    """The bytes for `target`. Raises `GatewayError` where it cannot honour the call, or has no credential."""
    sending = call.planner.sending(target, call.dialect)
    provider, wire = sending.dialect, sending.wire
    proof = prove(call, plan, sending)
    fields = with_defaults(call, plan)
    request: Request | None = None
    hide_usage = False
    if passes(call.dialect.name, provider.name, call.body):
        body, losses, hide_usage = _passed(call, fields, sending)
    else:
        request, body, losses = _translated(app, call, fields, sending)
    if wire.in_url:
        body = without(body, wire.in_url)
    if plan.on_loss == "refuse":
        refuse(losses)
    headers = outbound(call, provider, identity=request is None)
    if wire.header_fields:
        body = _with_headers(body, headers, wire.header_fields)
    headers.update(proof.headers)
    url = sending.stream_url if call.head.stream else sending.url
    query = outbound_query(call, provider, identity=request is None)
    return Prepared(
        url=f"{url}{'&' if '?' in url else '?'}{query}" if query else url,
        headers=headers,
        body=body,
        dialect=provider,
        origin=sending.origin,
        losses=[*call.losses, *losses] if call.losses else losses,
        request=request,
        framing=sending.framing,
        hide_usage=hide_usage,
        credential=proof.credential,
        exchange=proof.exchange,
    )


def without(body: bytes, names: tuple[str, ...]) -> bytes:
    """The body without the fields that stand in the URL."""
    fields = scan(body)
    drop = [name for name in names if name in fields.spans]
    return splice(fields, {}, drop=drop) if drop else body


def _with_headers(body: bytes, headers: dict[str, str], fields: dict[str, str]) -> bytes:
    """Headers of the client's that are lists in the body of this provider."""
    found = {field: headers.pop(name) for name, field in fields.items() if name in headers}
    lists = {field: msgspec.json.encode([item.strip() for item in text.split(",") if item.strip()]) for field, text in found.items()}
    scanned = scan(body) if lists else None
    if scanned is None:
        return body
    return splice(scanned, {field: value for field, value in lists.items() if field not in scanned.spans})


def _passed(call: Call, fields: Fields, sending: Sending) -> tuple[bytes, list[Loss], bool]:
    """The client's own bytes with what is declared spliced in, and whether that asks for usage which the client did not ask for."""
    provider, wire = sending.dialect, sending.wire
    body, losses = apply_quirks(fields, wire.quirks)
    if body is not fields.body:
        fields = scan(body)
    if "model" in provider.in_url and "model" in fields.spans:
        # The URL says it; a second word that differs is refused.
        fields = scan(splice(fields, {}, drop=["model"]))
    usage = provider.usage_fields(fields.get("stream_options")) if call.head.stream and wire.quirks.stream_usage else {}
    model = {} if "model" in (*provider.in_url, *wire.in_url) else {"model": msgspec.json.encode(sending.target.model)}
    drop = call.dialect.only_here if sending.framing != call.dialect.framing else ()
    if drop and call.head.stream:
        # The client's URL says so, and the provider's body does.
        model["stream"] = b"true"
    return splice(fields, {**model, **usage}, drop=drop) if model or usage else fields.body, losses, bool(usage)


def _translated(app: App, call: Call, fields: Fields, sending: Sending) -> tuple[Request, bytes, list[Loss]]:
    """What the neutral request is in the provider's dialect. Encoders ask for usage by themselves."""
    if call.request is None:
        call.request = thinking.restore(app.thinking, call.key.id, call.asked(in_full(fields.body)))
    if call.request.own_only and sending.dialect.name != call.dialect.name:
        field = call.request.own_only[0]
        raise unsupported(f"`{field}` means something to the provider that keeps it only: {sending.target.name} speaks another API.", field)
    encoded = sending.dialect.encode_request(call.request, sending.profile)
    if not sending.has_quirks:
        return call.request, encoded.body, encoded.losses
    body, losses = apply_quirks(scan(encoded.body), sending.wire.quirks)
    return call.request, body, [*encoded.losses, *losses]


def with_defaults(call: Call, plan: Plan) -> Fields:
    """The client's fields with the route's defaults where the client set nothing."""
    fields = call.fields
    if not plan.defaults:
        return fields
    if call.dialect.name in WITHIN:
        return put_within(fields, call.dialect.name, plan.defaults)
    missing = {
        name: msgspec.json.encode(value)
        for name, value in plan.defaults.items()
        if name not in fields.spans and _ONE_NAME.get(name, name) not in fields.spans
    }
    return scan(splice(fields, missing)) if missing else fields


def refuse(losses: list[Loss]) -> None:
    for loss in losses:
        if loss.kind in ("dropped", "refused"):
            raise unsupported(
                f"`{loss.field}` cannot be carried to this model: {loss.reason}. The route says `on_loss: refuse`: leave "
                "the field out, or set `on_loss: report`.",
                loss.field,
                "lossy_translation",
            )
