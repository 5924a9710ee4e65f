"""T-LK-1: secrets that can be told apart go through a gateway with failing calls, and are then looked for in all that it leaves."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.gateway import GatewayProcess
from tests.support.secrets import leaks, sinks_of
from tests.support.waiting import until

PROVIDER_KEY = "sk-canary-provider-7Qx2Lm9Vt4Rz8Kw1"
STRIPE_KEY = "sk_live_canary5Rt8Yq2Wn6Zx4Pd7"
SIGNING = ("whsec_canary3Hj9Kf5Ls1Mv8Qb2", "whsec_canary7Gd4Ws6Xc2Bn9Ty5")
"""Of the payment provider's events, and of our webhooks."""
PROMPT = "canary of a prompt: the heron wades at dawn"


PATHS: set[str] = set()
"""What the provider was asked for."""
HEARD: list[bytes] = []
"""The headers that it was sent."""


class Repeating(BaseHTTPRequestHandler):
    """A provider that refuses everything, and repeats the key and the prompt in its error."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        PATHS.add(self.path)
        HEARD.append(self.headers.as_bytes())
        answer = f'{{"error": {{"message": "bad key {self.headers["authorization"]}", "type": "x", "code": "x"}}}}'.encode()
        assert PROMPT in body or not self.path.endswith(("completions", "messages"))
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Repeating)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_secret_is_left_anywhere(tmp_path: Path, provider: int) -> None:
    config = {
        "providers": {
            "lab": {"kind": "custom", "dialect": "openai_chat", "base_url": f"http://127.0.0.1:{provider}/v1", "api_key": "env:LAB_KEY"}
        },
        "billing": {
            "stripe": {"api_key": "env:STRIPE_KEY", "webhook_secret": "env:EVENTS", "base_url": f"http://127.0.0.1:{provider}"},
        },
        "webhooks": [{"url": f"http://127.0.0.1:{provider}/alerts", "secret": "env:ALERTS"}],
        "egress_allow": [{"cidr": "127.0.0.1/32", "ports": [provider]}],
        "limits": [{"scope": "organisation", "budget": {"usd": "0.000000001", "per": "month", "mode": "soft", "alerts": [50]}}],
        "prices": {"lab/*": [{"input": 1, "output": 1, "request": 1}]},
    }
    answers: list[bytes] = []
    environ = {"LAB_KEY": PROVIDER_KEY, "STRIPE_KEY": STRIPE_KEY, "EVENTS": SIGNING[0], "ALERTS": SIGNING[1]}
    with GatewayProcess(tmp_path, config, environ=environ) as gateway:
        api, admin = gateway.admin()
        shown = gateway.log()
        asked = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 5}
        for token in (gateway.key, gateway.key[:-1] + "x", admin, "sk-" + gateway.key[4:]):
            for model in ("lab/x", "sandbox/echo", "nobody/x"):
                for path in ("chat/completions", "messages"):
                    sent = {"authorization": f"Bearer {token}"}
                    answers.append(httpx2.post(f"{gateway.url}/v1/{path}", headers=sent, json={"model": model, **asked}).content)
            answers.append(httpx2.get(f"{gateway.url}/v1/models?key={token}", headers={"x-api-key": token}).content)
        sent = {"authorization": f"Bearer {admin}"}
        for path in ("me", "orgs", "orgs/default/keys", "orgs/default/audit-events", "orgs/default/users"):
            answers.append(httpx2.get(f"{api}/{path}", headers=sent).content)
        made = httpx2.post(f"{api}/orgs/default/keys", headers=sent, json={"name": "k", "owner_kind": "org", "owner_id": "default"}).json()
        answers.append(httpx2.get(f"{api}/orgs/default/keys/{made['id']}", headers=sent).content)
        customer = {"name": "c", "kind": "end_user", "subject": "u1"}
        assert httpx2.post(f"{api}/orgs/default/customers", headers=sent, json=customer).status_code == 201
        told = {"stripe-signature": "t=1,v1=00"}
        answers.append(httpx2.post(f"{api}/billing/stripe/events", headers=told, content=b"{}").content)
        until(lambda: "a message is given up" in gateway.log(), within=40)
        assert "/v1/customers" in PATHS
        answers.append(httpx2.get(f"{gateway.url}/metrics").content)
        gateway.usage(4, within=30)
    pepper = (gateway.home / "pepper").read_text().strip()
    sinks = {f"answer {number}": answer for number, answer in enumerate(answers) if PROMPT.encode() not in answer}
    sinks["log"] = gateway.log().replace(shown, "").encode()
    sinks |= sinks_of(gateway.home)
    assert any(path.endswith("tidegate.db") for path in sinks)
    own = (*SIGNING, gateway.key, admin, made["token"], pepper)
    assert not leaks(own, {f"what a provider heard {number}": heard for number, heard in enumerate(HEARD)})
    assert not leaks((PROVIDER_KEY, STRIPE_KEY, *SIGNING, gateway.key, admin, made["token"], pepper, PROMPT), sinks)
