"""Which headers cross the gateway: allow-lists both ways. What is not named here does not pass."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from tidegate.dialects.base import Dialect
from tidegate.ports import RawHeaders
from tidegate.proxy.call import Call

_UPSTREAM_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit-")
_UPSTREAM_NAMES = frozenset({"request-id", "x-request-id", "openai-processing-ms", "retry-after", "retry-after-ms"})
_KEPT_NAMES = {
    "retry-after": re.compile(r"\d{1,5}(\.\d{1,3})?|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
    "retry-after-ms": re.compile(r"\d{1,8}(\.\d{1,3})?"),
    "x-should-retry": re.compile(r"true|false"),
}
"""What the official clients act on when they retry, and what it may be: a day at most, or a date."""

_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_PRINTABLE = bytes(byte if 32 <= byte < 127 else 63 for byte in range(256))
_LINES = _PRINTABLE[:10] + b"\n" + _PRINTABLE[11:]
_SHORTEST_SECRET = 8
"""Bytes: a shorter one is no key, and its letters may stand in any text."""


def header_value(text: str) -> bytes:
    """`text` as a header value. Model names and field paths come from clients: what is not printable ASCII becomes `?`."""
    return text.encode("ascii", "replace").translate(_PRINTABLE)


def outbound(call: Call, provider: Dialect, *, identity: bool) -> dict[str, str]:
    """Headers for the provider that come from the dialect and, where both sides speak it, from the client."""
    headers = {"content-type": "application/json", "user-agent": "tidegate", "accept-encoding": "identity", **provider.headers}
    if identity:
        for name in provider.forward:
            value = call.headers.get(name.encode())
            if value is not None:
                headers[name] = value.decode("latin-1")
    return headers


def outbound_query(call: Call, provider: Dialect, *, identity: bool) -> str:
    """The query string for the provider: the parameters that its dialect lets through on the identity path."""
    if not identity or not call.query or not provider.forward_query:
        return ""
    parts = call.query.decode("latin-1").split("&")
    return "&".join(part for part in parts if part.partition("=")[0] in provider.forward_query)


def returned(upstream: Mapping[str, str]) -> RawHeaders:
    """The provider's headers that the client may see."""
    names = _passing(tuple(upstream))
    # All at once: no value of a header has a line break.
    values = "\n".join(map(upstream.__getitem__, names.passing)).encode("ascii", "replace").translate(_LINES)
    result = list(zip(names.shown, values.split(b"\n"), strict=False))
    for name in names.kept:
        value = upstream[name]
        if _KEPT_NAMES[name].fullmatch(value):
            result.append((name.encode(), value.encode()))
    remaining = upstream.get("x-ratelimit-timeremaining", "")
    if remaining.isdecimal() and len(remaining) < 8 and "retry-after" not in upstream:
        # GitHub Models: seconds, which its own client takes before Retry-After (github/gh-models).
        result.append((b"retry-after", remaining.encode()))
    return result


class _Passing(NamedTuple):
    """Of a provider's headers: those that pass, the names under which they are shown, and those that keep their name."""

    passing: tuple[str, ...]
    shown: tuple[bytes, ...]
    kept: tuple[str, ...]


@lru_cache(256)
def _passing(names: tuple[str, ...]) -> _Passing:
    """The names of one provider's headers are mostly the same."""
    passing = tuple(name for name in names if name in _UPSTREAM_NAMES or name.startswith(_UPSTREAM_PREFIXES))
    shown = tuple(b"x-tidegate-upstream-" + name.encode("ascii", "replace") for name in passing)
    return _Passing(passing, shown, tuple(name for name in names if name in _KEPT_NAMES))


def own(call: Call) -> RawHeaders:
    """Headers that every answer to a call has."""
    request_id = call.request_id.encode()
    headers = [
        (b"x-request-id", request_id),
        (b"x-tidegate-config-gen", b"%d" % call.snapshot.generation),
    ]
    if call.dialect.name == "anthropic":
        headers.append((b"request-id", request_id))
    return headers


def without_secrets(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Some providers repeat the key that they refuse, and the client must not learn it."""
    for name in _SECRET_HEADERS & headers.keys():
        secret = headers[name].rpartition(" ")[2].encode()
        if len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret, b"***")
    return body


def own_address(call: Call) -> str:
    """Where the client finds the gateway, as it or a proxy before the gateway says."""
    scheme = "https" if call.headers.get(b"x-forwarded-proto") == b"https" else "http"
    return f"{scheme}://{call.headers.get(b'host', b'').decode('latin-1')}"
