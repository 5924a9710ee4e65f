"""Access tokens for the credentials that are exchanged for one. Other providers never come here, so their calls wait for nothing more."""

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.snapshot import Target
from tidegate.ports import AccessFailure
from tidegate.providers.auth import access_headers
from tidegate.proxy.app import App
from tidegate.proxy.prepare import Prepared


async def authorize(app: App, target: Target, prepared: Prepared) -> None:
    """Puts the token, or the signature, into the headers. Raises `GatewayError`: another target may have a credential that works."""
    credential = prepared.credential
    try:
        token = await app.access.token(target.upstream.auth, None if credential is None else credential.reveal())
    except AccessFailure as refused:
        message = f"{target.upstream.name} cannot be called: {refused}."
        if refused.permanent:
            raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=message, code="unusable_credential")) from None
        raise GatewayError(Error(kind=ErrorKind.UPSTREAM, message=message, code="no_access_token")) from None
    upstream = target.upstream
    prepared.headers.update(
        access_headers(
            upstream.auth, token, upstream.parts, url=prepared.url, headers=prepared.headers, body=prepared.body, at=app.clock.now()
        )
    )
