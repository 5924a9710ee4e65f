"""A webhook that the control API makes: told of a budget by the gateway that runs, and signed with the secret that was shown."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.e2e.wire import Answer, Provider, call
from tests.support.gateway import GatewayProcess
from tests.support.waiting import until


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, as (signature, body)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        self.server.got.append((self.headers["tidegate-signature"], self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        del format, args


def quota(gateway: GatewayProcess) -> list[dict[str, Any]]:
    return call(f"{gateway.url}/v1/tidegate/quota", headers=gateway.headers).json()["limits"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_budget_is_told_with_the_secret_that_was_shown(tmp_path: Path, sandbox_provider: Provider, receiver: Receiver) -> None:
    port = receiver.server_address[1]
    config = {
        "providers": {"openai": {"base_url": f"{sandbox_provider.url}/v1", "api_key": "env:UPSTREAM_KEY"}},
        "egress_allow": [{"cidr": "127.0.0.1/32", "ports": [port]}],
    }
    with GatewayProcess(tmp_path, config, {"UPSTREAM_KEY": "secret-of-the-operator"}) as gateway:
        url, token = gateway.admin()

        def ask(path: str, body: object) -> httpx2.Response:
            return httpx2.post(url + path, headers={"authorization": f"Bearer {token}"}, json=body)

        made = ask("/orgs/default/webhooks", {"name": "n", "url": f"http://127.0.0.1:{port}/alerts"})
        assert made.status_code == 201, made.text
        # It is read together with this price, whose calls show when that is.
        assert ask("/prices", {"name": "openai/strange", "entry": {"input": 1, "output": 10}}).status_code == 201

        def answer(output: int) -> Answer:
            order = json.dumps({"sandbox": {"n": output}})
            body = {"model": "openai/strange", "messages": [{"role": "user", "content": order}]}
            found = call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body)
            assert found.status == 200
            return found

        until(lambda: "x-tidegate-price" not in answer(1).headers)
        budget = {"name": "b", "scope": "organisation", "per": "total", "amount": 100_000_000, "hard": False, "alerts": [10]}
        made_budget = ask("/orgs/default/budgets", budget)
        assert made_budget.status_code == 201, made_budget.text
        # What was used before it holds is no news.
        until(lambda: [line["id"] for line in quota(gateway)] == [made_budget.json()["id"]])

        def told() -> list[tuple[str, bytes]]:
            answer(1000)
            return receiver.got

        signature, sent = until(told)[0]
    at, _, mac = signature.removeprefix("t=").partition(",v1=")
    assert hmac.new(made.json()["secret"].encode(), f"{at}.".encode() + sent, hashlib.sha256).hexdigest() == mac
    assert json.loads(sent)["data"]["budget"] == made_budget.json()["id"]
