"""Heads of requests that another server, before or behind this one, may read otherwise: they are refused, because what is one request to
the one may be two to the other. What is no token, line or number at all the parser refuses by itself. Used by both listeners.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from tidegate.ports import RawHeaders

HEAD_LIMIT = 16 << 10
"""Bytes of a request's line and headers, or of the trailers of its body. Whoever sends them may have shown no key yet."""
MOST_HEADERS = 100
_ONCE = (b"host", b"content-length", b"transfer-encoding")
_VERSIONS = ("1.1", "1.0")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_SCHEMES = (None, b"http", b"https")

_MANY = b"A request has at most %d headers." % MOST_HEADERS
_TWICE = b"`Host`, `Content-Length` and `Transfer-Encoding` may stand in a request once each."
_UNDERSCORE = b"A header's name has `_` where other servers may read `-`: write `-`."
_READ_ALIKE = frozenset(
    (
        *_ONCE,
        *(b"connection", b"te", b"trailer", b"upgrade", b"expect", b"content-type", b"content-encoding"),
        *(b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"cookie"),
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"),
    )
)
"""What says where a request ends, who asks and from where. Other names may have `_`: Codex sends `session_id` and `conversation_id`."""
_VERSION = b"This port speaks HTTP/1.1 and HTTP/1.0."
_CODING = b"Of `Transfer-Encoding` only `chunked` is taken, in HTTP/1.1."
_BAD_HOST = b"`Host` is not a name or an address with a port."
_TARGET = b"A request's target is a path, or a URL of `http` or `https`."


def flaw_of_head(headers: RawHeaders, fields: Mapping[bytes, bytes], version: str) -> bytes:
    """Why a head is refused; empty where it is not. `fields` are the headers by their names, which are in lower case."""
    if len(headers) > MOST_HEADERS:
        return _MANY
    if len(fields) != len(headers) and any(sum(name == one for one, _ in headers) > 1 for name in _ONCE):
        return _TWICE
    if _reads_otherwise(tuple(fields)):
        return _UNDERSCORE
    if version not in _VERSIONS:
        return _VERSION
    coding = fields.get(b"transfer-encoding")
    if coding is not None and (coding.strip(b" \t").lower() != b"chunked" or version == "1.0"):
        return _CODING
    return b"" if _is_host(fields.get(b"host", b"")) else _BAD_HOST


@lru_cache(256)
def _reads_otherwise(names: tuple[bytes, ...]) -> bool:
    """The names of one client's headers are mostly the same, and so is its host."""
    return any(b"_" in name and name.replace(b"_", b"-") in _READ_ALIKE for name in names)


@lru_cache(256)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def flaw_of_scheme(scheme: bytes | None) -> bytes:
    """The same of a request's target, by its scheme where it has one."""
    return b"" if scheme in _SCHEMES else _TARGET
