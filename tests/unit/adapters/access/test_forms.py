"""The HTTP of an exchange, against a server on the loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tidegate.adapters.access.forms import ask
from tidegate.ports import AccessFailure


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        status = int(self.path.rpartition("/")[2])
        told: Any = {"method": self.command, "body": body, "type": self.headers.get("content-type")}
        if status != 200:
            told = {"error": "invalid_grant", "error_description": "expired"}
        data = json.dumps(told).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/200")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_form_a_body_and_a_look(url: str) -> None:
    assert ask(f"{url}/200", {"a": "b c"}) == {"method": "POST", "body": "a=b+c", "type": "application/x-www-form-urlencoded"}
    assert ask(f"{url}/200", body=b"{}", headers={"content-type": "application/json"})["type"] == "application/json"
    assert ask(f"{url}/200")["method"] == "GET"


@pytest.mark.parametrize(("status", "permanent"), [(400, True), (401, True), (500, False), (302, False)])
def test_refusals_say_why_and_follow_nothing(url: str, status: int, permanent: bool) -> None:
    with pytest.raises(AccessFailure, match="invalid_grant expired") as refused:
        ask(f"{url}/{status}", {"assertion": "secret"})
    assert refused.value.permanent is permanent
    assert "secret" not in str(refused.value)


def test_nobody_there() -> None:
    with pytest.raises(AccessFailure, match="gave no access token"):
        ask("http://127.0.0.1:9/200")


def test_an_address_that_is_none() -> None:
    with pytest.raises(AccessFailure):
        ask("https://127.0.0.1:x@oauth2.googleapis.com/token", {})
