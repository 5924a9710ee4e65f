"""`tidegate serve --workers`: two processes behind one port, of which one dies, and the end of both."""

import http.client
import json
import os
import re
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayError, GatewayProcess
from tests.support.waiting import until

CALLS = 12
RPM = 20
LIMITED = "a-limited-key-of-24-chars"


def children(pid: int) -> set[int]:
    return {int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def workers(gateway: GatewayProcess, looks: int = 12) -> set[bytes]:
    """The numbers of the workers that some new connections came to."""
    return {found[1] for _ in range(looks) if (found := re.search(rb'worker="(\d+)"', gateway.metrics()))}


def asked(gateway: GatewayProcess, number: int) -> int:
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": f"Hello {number}"}]}
    return call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, body).status


def keyed(gateway: GatewayProcess) -> bytes:
    """The answer to a call that has the same idempotency key each time, at whichever worker."""
    order = json.dumps({"sandbox": {"n": 3, "ttft_ms": 300}})
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": order}]}
    return call(f"{gateway.url}/v1/chat/completions", "POST", {**gateway.headers, "idempotency-key": "one"}, body).body


def admitted(gateway: GatewayProcess, enough: float) -> int:
    """How many calls of the limited key go through until there are `enough`, at either worker; never more than its limit."""
    began, count = time.monotonic(), 0
    headers = {**gateway.headers, "authorization": f"Bearer {LIMITED}"}
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
    while count < enough:
        status = call(f"{gateway.url}/v1/chat/completions", "POST", headers, body).status
        assert status in (200, 429)
        count += status == 200
        assert count <= RPM + (time.monotonic() - began) * RPM / 60
    return count


def streamed(gateway: GatewayProcess, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    """A stream that has begun and runs for a while."""
    order = json.dumps({"sandbox": {"n": 100, "gap_ms": 10}})
    body = {"model": "openai/gpt-4o", "stream": True, "messages": [{"role": "user", "content": order}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), gateway.headers)
    return connection.getresponse()


def ledger(home: Path) -> list[str]:
    with sqlite3.connect(home / "tidegate.db") as database:
        return [request for (request,) in database.execute("SELECT request_id FROM ledger")]


def test_two_workers_are_one_gateway(tmp_path: Path, provider: Provider) -> None:
    configuration = {
        "providers": {"openai": {"base_url": f"{provider.url}/v1", "api_key": "env:UPSTREAM_KEY"}},
        "keys": [{"name": "limited", "value": "env:LIMITED_KEY", "limits": {"requests_per_minute": RPM}}],
    }
    gateway = GatewayProcess(tmp_path, configuration, {"UPSTREAM_KEY": "secret", "LIMITED_KEY": LIMITED, "TIDEGATE_WORKERS": "2"})
    with gateway, ThreadPoolExecutor(4) as threads:
        until(lambda: workers(gateway), {b"1", b"2"}.__eq__, within=60)
        assert list(threads.map(lambda number: asked(gateway, number), range(CALLS))) == [200] * CALLS
        limited = admitted(gateway, 0.9 * RPM)
        provider.forget()
        assert len(set(threads.map(lambda _: keyed(gateway), range(12)))) == 1
        assert len(provider.requests()) == 1

        both = children(gateway.pid)
        victim = min(both)
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in children(gateway.pid))
        assert list(threads.map(lambda number: asked(gateway, number), range(CALLS))) == [200] * CALLS
        until(lambda: workers(gateway), {b"1", b"2"}.__eq__, within=60)
        assert len(children(gateway.pid) - both) == 1
        # The control API is worker 1's, who was killed.
        admin, key = gateway.admin()
        assert call(f"{admin}/me", headers={"authorization": f"Bearer {key}"}, timeout=60).status == 200

        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        answer = streamed(gateway, connection)
        ending = threads.submit(gateway.stop)
        assert answer.read().endswith(b"data: [DONE]\n\n")
        connection.close()
        assert ending.result() == 0
    printed = gateway.log()
    assert (printed.count("Tidegate serves on"), printed.count("a worker has ended")) == (1, 1)
    found = ledger(gateway.home)
    assert (len(found), len(set(found))) == (2 * CALLS + limited + 2, 2 * CALLS + limited + 2)


def test_workers_that_cannot_start_end_with_the_reason(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, "providers:\n  anthropic: {api_keyy: env:X}\n", {"TIDEGATE_WORKERS": "2"})
    with pytest.raises(GatewayError, match="ended with 1"):
        gateway.start()
    assert gateway.log().count("error: tidegate.yaml:2") == 1
    assert "Traceback" not in gateway.log()
