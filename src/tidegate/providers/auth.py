"""Authentication as headers: what a provider wants to see of a secret. Called for every attempt, with the secret revealed for it alone.

Some credentials are no header but are exchanged for something short-lived: `exchanges` says so, the proxy asks `ports.AccessTokens` for
it, and `access_headers` makes headers of it. Those of AWS are keys that sign the request, so that they need all of it and the time.
"""

from collections.abc import Mapping
from typing import assert_never

import msgspec

from tidegate.providers import sigv4
from tidegate.providers.spec import AuthKind, ProviderSpec

_AWS_SERVICE = "bedrock"
_AWS = msgspec.json.Decoder(sigv4.Credentials)


def auth_headers(spec: ProviderSpec, secret: str | None, auth: AuthKind | None = None) -> dict[str, str]:
    """The provider's own headers and those that carry `secret`, names in lower case. `auth` overrides the kind of the row; without a
    secret (local servers) only the provider's own headers are sent. Raises ValueError, which does not show the secret, where it cannot
    stand in a header."""
    headers = {name.lower(): value for name, value in spec.headers.items()}
    if not secret:
        return headers
    kind = auth if auth is not None else spec.auth
    if not (secret.isascii() and secret.isprintable()) or secret != secret.strip():
        raise ValueError(f"the credential for {spec.name} holds blanks at an end, line breaks or characters outside ASCII")
    match kind:
        case "google":
            headers["x-goog-api-key"] = secret
        case "bearer" | "aws":
            headers["authorization"] = f"Bearer {secret}"
        case "azure":
            headers["api-key"] = secret
        case "x-api-key" | "api-key" | "x-goog-api-key":
            headers[kind] = secret
        case "none":
            pass
        case _:
            assert_never(kind)
    return headers


def exchanges(auth: AuthKind, secret: str | None) -> bool:
    """Whether the credential is exchanged for something short-lived. It is where it is a JSON document (of a service account, a user, a
    federation, a client of Entra, keys of AWS), or where there is none: then the machine's own identity stands for it. Anything else is an
    API key."""
    return auth in ("google", "aws", "azure") and (not secret or secret.lstrip().startswith("{"))


def access_headers(
    auth: AuthKind,
    token: str,
    parts: Mapping[str, str],
    *,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    at: float,
    method: str = "POST",
) -> dict[str, str]:
    """The headers that carry what the credential was exchanged for: an access token, or for `aws` the keys (as JSON) that sign the
    request. `at` is Unix time in seconds."""
    if auth != "aws":
        return {"authorization": f"Bearer {token}"}
    keys = _AWS.decode(token)
    return sigv4.sign(keys, parts.get("region", ""), _AWS_SERVICE, method=method, url=url, headers=headers, body=body, at=at)
