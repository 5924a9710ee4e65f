"""What is secret about a webhook of the database: what signs its messages, which is made of the pepper, so that every gateway has it and
the database does not; and the path and query of its address, which open many receivers to whoever knows them."""

import base64
import hmac
from urllib.parse import urlsplit

MOST = 50
"""Of an organisation."""
_USE = b"tidegate webhook secret"


def webhook_secret(pepper: bytes, org: str, id: str, version: int) -> str:
    """Of a webhook's `version`: rotating it makes another one."""
    parts = (_USE, org.encode(), id.encode(), str(version).encode())
    digest = hmac.digest(pepper, b"\0".join(parts), "sha256")
    return "whsec_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def origin_of(url: str) -> str:
    """An address without what may open it: `https://host` and the port that it names."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
