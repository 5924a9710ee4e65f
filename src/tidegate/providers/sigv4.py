"""AWS Signature Version 4: the signature of a request as a function of values
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

`sign` makes the headers of a request that goes out; `read_authorization` and `signature` are what checking one that came in needs. Paths
are escaped once more than they stand in the URL, as every service but S3 wants it. Query strings are signed as they stand.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import msgspec

ALGORITHM = "AWS4-HMAC-SHA256"
_END = "aws4_request"
_PORTS = {"http": 80, "https": 443}
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]{1,256})/(\d{8})/([\w-]{1,64})/([\w-]{1,64})/aws4_request *, *"
    r"SignedHeaders=([a-z0-9;_-]{1,1024}) *, *Signature=([0-9a-f]{64})"
)


class Credentials(msgspec.Struct, frozen=True):
    """`session_token` comes with credentials that expire."""

    access_key: str
    secret_key: str
    session_token: str | None = None


class Scope(msgspec.Struct, frozen=True):
    """What a signature is good for. `date` is `YYYYMMDD`."""

    date: str
    region: str
    service: str

    @property
    def text(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{_END}"


class Claim(msgspec.Struct, frozen=True):
    """What the `Authorization` header of a signed request says."""

    access_key: str
    scope: Scope
    signed: tuple[str, ...]
    signature: str


def sign(
    credentials: Credentials, region: str, service: str, *, method: str, url: str, headers: Mapping[str, str], body: bytes, at: float
) -> dict[str, str]:
    """The headers that make a request signed, to be put beside `headers` (names in lower case), of which `content-type` and AWS's
    own are signed. `at` is Unix time in seconds."""
    date = stamp(at)
    added = {"x-amz-date": date}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token
    parts = urlsplit(url)
    chosen = {name: value for name, value in headers.items() if name == "content-type" or name.startswith("x-amz-")}
    signed = {**chosen, **added, "host": host_of(url)}
    scope = Scope(date[:8], region, service)
    found = signature(
        credentials.secret_key,
        scope,
        date,
        method=method,
        path=parts.path,
        query=parts.query,
        headers=sorted(signed.items()),
        payload=hashlib.sha256(body).hexdigest(),
    )
    added["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope.text}, SignedHeaders={';'.join(sorted(signed))}, Signature={found}"
    )
    return added


def signature(
    secret: str, scope: Scope, date: str, *, method: str, path: str, query: str, headers: Iterable[tuple[str, str]], payload: str
) -> str:
    """The signature in hexadecimal. `path` and `query` are as in the URL, `headers` those that are signed in the order of their names,
    `payload` the hash of the body as the signer gives it."""
    signed = list(headers)
    lines = [
        method,
        quote(_without_dots(path), safe="/~"),
        _sorted(query),
        *(f"{name}:{' '.join(value.split())}" for name, value in signed),
        "",
        ";".join(name for name, _ in signed),
        payload,
    ]
    canonical = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return hmac.digest(_key(secret, scope), f"{ALGORITHM}\n{date}\n{scope.text}\n{canonical}".encode(), "sha256").hex()


def _key(secret: str, scope: Scope) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, _END):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def read_authorization(header: str) -> Claim | None:
    """The claim of an `Authorization` header; None where it is not of this scheme."""
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        return None
    access_key, date, region, service, signed, value = found.groups()
    return Claim(access_key, Scope(date, region, service), tuple(signed.split(";")), value)


def stamp(at: float) -> str:
    """A time as AWS writes it (`x-amz-date`), in whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y%m%dT%H%M%SZ")


def read_stamp(text: str) -> float | None:
    """Unix time of an `x-amz-date`; None where it is none."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def host_of(url: str) -> str:
    """The `Host` of a URL: without the port that its scheme has anyway."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _sorted(query: str) -> str:
    if not query:
        return ""
    pairs = sorted(part.partition("=")[::2] for part in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _without_dots(path: str) -> str:
    """As RFC 3986, section 5.2.4, has it, and without empty segments."""
    if not path:
        return "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if path.endswith("/") and kept else ""
    return f"/{'/'.join(kept)}{end}"
