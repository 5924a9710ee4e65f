"""From the client's bytes to the provider's: spliced where both speak one dialect, decoded and encoded where they do not.

Called by `attempt` once for each target, because a fallback may change which of the two it is.
"""

from urllib.parse import quote

import msgspec

from tidegate.dialects.base import Dialect
from tidegate.dialects.choose import Identity, carries_foreign, choose
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request, unsupported
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.target import Quirks
from tidegate.policy.route import Plan
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Target, Upstream
from tidegate.providers.auth import auth_headers, exchanges
from tidegate.providers.quirks import apply_quirks
from tidegate.proxy import thinking
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.headers import outbound, outbound_query
from tidegate.wire.framings import SSE
from tidegate.wire.splice import Fields, scan, splice

_NO_QUIRKS = Quirks()
CALLER_KEY = b"x-tidegate-provider-key"
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

    @property
    def identity(self) -> bool:
        return self.request is None


def prepare(app: App, call: Call, plan: Plan, target: Target) -> Prepared:
    """The bytes for `target`. Raises `GatewayError` where it cannot honour the call, or has no credential."""
    upstream = target.upstream
    spec = upstream.spec
    provider = DIALECTS[spec.dialect]
    credential = _credential(call, plan, target)
    fields = _with_defaults(call, plan)
    request: Request | None = None
    hide_usage = False
    if isinstance(choose(call.dialect.name, provider.name, foreign=carries_foreign(call.body)), Identity):
        body, losses, hide_usage = _passed(call, fields, provider, target)
    else:
        request, body, losses = _translated(app, call, fields, provider, target)
    if spec.in_url:
        body = _without(body, spec.in_url)
    if plan.on_loss == "refuse":
        _refuse(losses)
    headers = outbound(call, provider, identity=request is None)
    exchange = exchanges(upstream.auth, credential.reveal() if credential is not None else None)
    if exchange and CALLER_KEY in call.headers:
        raise bad_request("The header `x-tidegate-provider-key` takes an API key here, and no credential document.")
    headers.update(_authenticated(upstream, None if exchange else credential))
    query = outbound_query(call, provider, identity=request is None)
    return Prepared(
        url=_url(call, target, provider, query),
        headers=headers,
        body=body,
        dialect=provider,
        origin=Origin(provider.name, spec.name, target.model),
        losses=losses,
        request=request,
        framing=spec.framing or provider.framing,
        hide_usage=hide_usage,
        credential=credential if exchange else None,
        exchange=exchange,
    )


def _url(call: Call, target: Target, provider: Dialect, query: str) -> str:
    paths = target.upstream.spec.paths
    path = paths.get("generate", provider.path)
    if call.head.stream:
        path = paths.get("stream", "") or (path if "generate" in paths else provider.stream_path or path)
    if "{model}" in path:
        path = path.replace("{model}", quote(target.model, safe=""))
    url = target.upstream.base_url + path
    return f"{url}{'&' if '?' in path else '?'}{query}" if query else url


def _without(body: bytes, names: tuple[str, ...]) -> bytes:
    """The body without the fields that stand in the URL."""
    fields = scan(body)
    drop = [name for name in names if name in fields.spans]
    return splice(fields, {}, drop=drop) if drop else body


def _authenticated(upstream: Upstream, credential: Secret | None) -> dict[str, str]:
    try:
        headers = auth_headers(upstream.spec, credential.reveal() if credential is not None else None, upstream.auth)
    except ValueError as unusable:
        raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=f"{unusable}.", code="unusable_credential")) from None
    headers.update(upstream.headers)
    return headers


def _passed(call: Call, fields: Fields, provider: Dialect, target: Target) -> tuple[bytes, list[Loss], bool]:
    """The client's own bytes with what is declared spliced in, and whether that asks for usage which the client did not ask for."""
    quirks = target.upstream.spec.quirks
    body, losses = apply_quirks(fields, quirks)
    if body is not fields.body:
        fields = scan(body)
    usage = provider.usage_fields(fields.get("stream_options")) if call.head.stream and quirks.stream_usage else {}
    model = {} if "model" in provider.in_url else {"model": msgspec.json.encode(target.model)}
    return splice(fields, {**model, **usage}) if model or usage else fields.body, losses, bool(usage)


def _translated(app: App, call: Call, fields: Fields, provider: Dialect, target: Target) -> tuple[Request, bytes, list[Loss]]:
    """What the neutral request is in the provider's dialect. Encoders ask for usage by themselves."""
    if call.request is None:
        call.request = thinking.restore(app.thinking, call.key.id, call.asked(fields.body))
    encoded = provider.encode_request(msgspec.structs.replace(call.request, model=target.model), target.profile)
    quirks = target.upstream.spec.quirks
    if quirks == _NO_QUIRKS:
        return call.request, encoded.body, list(encoded.losses)
    body, losses = apply_quirks(scan(encoded.body), quirks)
    return call.request, body, [*encoded.losses, *losses]


def _with_defaults(call: Call, plan: Plan) -> Fields:
    """The client's fields with the route's defaults where the client set nothing."""
    fields = call.fields
    missing = {
        name: msgspec.json.encode(value)
        for name, value in plan.defaults.items()
        if name not in fields.spans and _ONE_NAME.get(name, name) not in fields.spans
    }
    return scan(splice(fields, missing)) if missing else fields


def _credential(call: Call, plan: Plan, target: Target) -> Secret | None:
    upstream = target.upstream
    brought = call.headers.get(CALLER_KEY)
    if brought is not None:
        if plan.caller_keys:
            own = brought.decode("latin-1").strip()
            if not own:
                raise bad_request("The header `x-tidegate-provider-key` is empty: put the provider's key there, or leave it out.")
            return Secret(own)
        raise GatewayError(
            Error(
                kind=ErrorKind.PERMISSION,
                message=f"This route does not take a provider key from callers. Set `caller_keys: true` on the route `{plan.route}`, "
                "or leave the header `x-tidegate-provider-key` out.",
                code="caller_keys_not_allowed",
            )
        )
    if upstream.credential is None and upstream.missing is not None:
        raise GatewayError(
            Error(
                kind=ErrorKind.UNSUPPORTED,
                message=f"The provider `{upstream.name}` has no credential: {upstream.missing}"
                + (", or send your own in `x-tidegate-provider-key`" if plan.caller_keys else ""),
                code="provider_not_configured",
                param="model",
            )
        )
    return upstream.credential


def _refuse(losses: list[Loss]) -> None:
    for loss in losses:
        if loss.kind in ("dropped", "refused"):
            raise unsupported(
                f"`{loss.field}` cannot be carried to this model: {loss.reason}. The route says `on_loss: refuse`: leave "
                "the field out, or set `on_loss: report`.",
                loss.field,
                "lossy_translation",
            )
