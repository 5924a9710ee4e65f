"""Which credential goes with an attempt: the configured one, or the caller's own where the route lets callers bring theirs."""

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.policy.route import Plan
from tidegate.policy.secret import Secret
from tidegate.policy.sending import Proof, Sending
from tidegate.policy.snapshot import Upstream
from tidegate.providers.auth import auth_headers, exchanges
from tidegate.proxy.call import Call

CALLER_KEY = b"x-tidegate-provider-key"


def prove(call: Call, plan: Plan, sending: Sending) -> Proof:
    """Raises `GatewayError` where there is no credential, or one that cannot be sent."""
    upstream = sending.target.upstream
    credential = _credential(call, plan, upstream)
    try:
        secret = credential.reveal() if credential is not None else None  # one of the database may turn out not to open
        if sending.proved is not None and sending.proved[0] is secret:
            return sending.proved[1]
        exchange = exchanges(upstream.auth, secret)
        headers = auth_headers(upstream.spec, None if exchange else secret, upstream.auth)
    except ValueError as unusable:
        raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=f"{unusable}.", code="unusable_credential")) from None
    if exchange and CALLER_KEY in call.headers:
        raise bad_request("The header `x-tidegate-provider-key` takes an API key here, and no credential document.")
    headers.update(upstream.headers)
    proof = Proof(headers, credential if exchange else None, exchange)
    if CALLER_KEY not in call.headers:
        sending.proved = secret, proof
    return proof


def _credential(call: Call, plan: Plan, upstream: Upstream) -> Secret | None:
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
