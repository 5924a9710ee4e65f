"""The control API as a command asks it: one request at a time, with an admin key."""

import http.client
import ssl
from typing import Any
from urllib.parse import urlsplit

import msgspec

SECONDS = 60.0
_LARGEST = 16 << 20


class Refused(Exception):
    """The control API does not do it. The message is for people: what is wrong, with its fields."""


class ControlClient:
    """`url` is the address of the listener, with or without `/api/v1`."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused(f"`{url}` is no address of a control API: it is written like http://127.0.0.1:8081")
        self._parts = parts
        self._key = key

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers; `path` is below `/api/v1`. Raises `Refused`, and `OSError` where it cannot be reached."""
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=SECONDS, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json", "if-match": "*"}
        base = self._parts.path.rstrip("/").removesuffix("/api/v1")
        try:
            connection.request(method, f"{base}/api/v1{path}", None if body is None else msgspec.json.encode(body), headers)
            response = connection.getresponse()
            status, text = response.status, response.read(_LARGEST)
        except http.client.HTTPException as error:
            raise Refused(f"the control API does not answer in HTTP: {type(error).__name__}") from None
        finally:
            connection.close()
        try:
            found = msgspec.json.decode(text) if text else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(f"this is no control API: it answers {status}, and not with JSON") from None
        if status >= http.client.BAD_REQUEST:
            raise Refused(_words(status, found))
        return found


def _words(status: int, found: Any) -> str:
    if not isinstance(found, dict):
        return f"the control API answers {status}"
    document: dict[str, Any] = msgspec.convert(found, dict[str, Any])
    errors: list[dict[str, Any]] = document.get("errors") or []
    lines = [f"{error.get('field')}: {error.get('message')}" if error.get("field") else str(error.get("message")) for error in errors]
    return "\n".join(lines) or str(document.get("detail") or f"the control API answers {status}")
