"""The secret that signs what a webhook of the database is told: made of the pepper, so that every gateway has it and the database does not.
The control API shows it once."""

import base64
import hmac

_USE = b"tidegate webhook secret"


def webhook_secret(pepper: bytes, org: str, id: str, version: int) -> str:
    """Of a webhook's `version`: rotating it makes another one."""
    parts = (_USE, org.encode(), id.encode(), str(version).encode())
    digest = hmac.digest(pepper, b"\0".join(parts), "sha256")
    return "whsec_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
