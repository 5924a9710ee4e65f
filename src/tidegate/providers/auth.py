"""Authentication as headers: what a provider wants to see of a secret. Called for every attempt, with the secret revealed for it alone.

Some credentials are no header but are exchanged for short-lived access tokens: `exchanges` says so, and the proxy asks
`ports.AccessTokens` for one.
"""

from typing import assert_never

from tidegate.providers.spec import AuthKind, ProviderSpec


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
        case "bearer":
            headers["authorization"] = f"Bearer {secret}"
        case "x-api-key" | "api-key" | "x-goog-api-key":
            headers[kind] = secret
        case "none":
            pass
        case _:
            assert_never(kind)
    return headers


def exchanges(auth: AuthKind, secret: str | None) -> bool:
    """Whether the credential is exchanged for an access token. Google's is where it is a JSON document (of a service account, a user or
    a federation), or where there is none: then the machine's own identity stands for it. Anything else is an API key."""
    return auth == "google" and (not secret or secret.lstrip().startswith("{"))
