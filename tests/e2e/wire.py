"""Plain HTTP for what no official client would send, and a view of what the provider behind the gateway received and did."""

import base64
import http.client
import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tidegate.sandbox.server import Running


class Answer(NamedTuple):
    """Header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | dict[str, Any] | None = None, timeout: float = 20
) -> Answer:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), data, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


class Received(NamedTuple):
    """A request as it reached the provider."""

    path: str
    query: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes


class Provider:
    """The sandbox that stands behind the gateway; it forgets between tests."""

    def __init__(self, sandbox: Running) -> None:
        self.url = sandbox.url
        self.port = sandbox.port
        self._sandbox = sandbox

    def forget(self) -> None:
        for what in ("requests", "attempts"):
            call(f"{self.url}/sandbox/{what}", "DELETE")

    def requests(self) -> list[Received]:
        """In the order in which they came."""
        return [self._received(item) for item in call(f"{self.url}/sandbox/requests").json()["requests"]]

    def request(self) -> Received:
        """The last one."""
        return self.requests()[-1]

    def attempts(self, count: int = 1, within: float = 5.0) -> list[dict[str, Any]]:
        """What it did, once it has done so much."""
        until = time.monotonic() + within
        while len(found := call(f"{self.url}/sandbox/attempts").json()["attempts"]) < count:
            assert time.monotonic() < until, f"the provider finished {len(found)} requests, not {count}"
            time.sleep(0.005)
        return found

    def attempt(self) -> dict[str, Any]:
        return self.attempts()[-1]

    def received(self) -> int:
        """Requests that came since the start."""
        return self._sandbox.app.stats.requests

    def open(self) -> int:
        """How many requests it is answering now."""
        return self._sandbox.app.stats.open

    def _received(self, item: dict[str, Any]) -> Received:
        raw = base64.b64decode(item["body_base64"])
        return Received(item["path"], item["query"], dict(item["headers"]), json.loads(raw) if raw else {}, raw)
