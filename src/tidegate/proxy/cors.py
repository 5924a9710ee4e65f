"""Cross-origin calls from browsers: off unless the operator lists origins in `server.cors`."""

from collections.abc import Mapping

from tidegate.ports import Client, RawHeaders
from tidegate.proxy.reply import Reply

_EXPOSED = (
    b"x-request-id, x-tidegate-target, x-tidegate-receipt, x-tidegate-config-gen, retry-after, "
    b"x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)


def allowed(origins: tuple[str, ...], headers: Mapping[bytes, bytes]) -> RawHeaders:
    """The headers that let a listed origin read the answer; none for any other. `*` lists every origin."""
    if not origins:
        return []
    origin = headers.get(b"origin")
    if origin is None or not (origin.decode("latin-1") in origins or "*" in origins):
        return []
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin"), (b"access-control-expose-headers", _EXPOSED)]


async def preflight(origins: tuple[str, ...], client: Client) -> None:
    """Answers OPTIONS: with what is allowed to a listed origin, without it to others."""
    headers = client.fields
    extra = allowed(origins, headers)
    if extra:
        asked = headers.get(b"access-control-request-headers", b"authorization, content-type")
        extra += [
            (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE, OPTIONS"),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", b"600"),
        ]
    await Reply(client, extra).whole(204, b"text/plain", b"", [])
