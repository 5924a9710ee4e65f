"""`tidegate webhooks` on a database of its own."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tidegate.cli.commands import run

CANARY = "https://hooks.example.com/services/canary"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEGATE_DATABASE_URL", "TIDEGATE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOOK_ADDRESS", CANARY)
    return tmp_path / "home"


class _Handler(BaseHTTPRequestHandler):
    got: list[tuple[str, bytes]]
    status: int

    def do_POST(self) -> None:
        self.got.append((self.headers["tidegate-signature"], self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def receiver() -> Iterator[tuple[int, type[_Handler]]]:
    """A port, and what has come there."""
    handler = type("Handler", (_Handler,), {"got": [], "status": 204})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], handler
        server.shutdown()


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(("webhooks", *arguments)) == code
    captured = capsys.readouterr()
    return (captured.out if code == 0 else captured.err).strip()


def test_a_webhook_from_the_first_to_the_last_day(capsys: pytest.CaptureFixture[str]) -> None:
    id = told(capsys, "create", "env:HOOK_ADDRESS", "--name", "on call")
    assert "another webhook" in told(capsys, "create", CANARY, code=1)
    secret = told(capsys, "secret", id)
    assert secret.startswith("whsec_") and told(capsys, "secret", id) == secret
    listed = told(capsys, "list")
    assert "https://hooks.example.com " in listed and "canary" not in listed and "default" in listed
    assert "canary" not in told(capsys, "list", "--json")
    assert CANARY in told(capsys, "show", id)
    rotated = told(capsys, "rotate", id)
    assert rotated != secret and told(capsys, "secret", id) == rotated
    assert told(capsys, "edit", id, "--disable", "--name", "night", "--url", CANARY + "2") == id
    shown = json.loads(told(capsys, "show", id, "--json"))
    assert (shown["name"], shown["url"], shown["version"], shown["disabled_at"] is None) == ("night", CANARY + "2", 2, False)
    assert told(capsys, "delete", id) == id
    assert "there is no webhook" in told(capsys, "show", id, code=1)


def test_it_is_tried_with_a_signed_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, receiver: tuple[int, type[_Handler]]
) -> None:
    port, handler = receiver
    url = f"http://127.0.0.1:{port}/secret"
    assert "egress_allow" in told(capsys, "create", url, code=1)
    (tmp_path / "tidegate.yaml").write_text(f"egress_allow: [{{cidr: 127.0.0.1/32, ports: [{port}]}}]")
    id = told(capsys, "create", url)
    assert told(capsys, "test", id) == f"http://127.0.0.1:{port} took the message."
    ((signature, body),) = handler.got
    at, _, found = signature.removeprefix("t=").partition(",v1=")
    assert found == hmac.digest(told(capsys, "secret", id).encode(), at.encode() + b"." + body, hashlib.sha256).hex()
    assert (json.loads(body)["type"], json.loads(body)["data"]) == ("webhook.test", {"org": "default", "webhook": id})
    handler.status = 500
    refused = told(capsys, "test", id, code=1)
    assert "the receiver answered 500" in refused and "/secret" not in refused


def test_what_is_told_to_all_belongs_to_the_operator(capsys: pytest.CaptureFixture[str]) -> None:
    assert "leave --org out" in told(capsys, "create", CANARY, "--shared", "--org", "acme", code=1)
    told(capsys, "create", CANARY, "--shared")
    assert "all organisations" in told(capsys, "list")
