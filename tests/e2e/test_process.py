"""The gateway as a process: its first and second start, edits of its configuration and its keys while it runs, and its end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.e2e.wire import Provider, call
from tests.support.gateway import START_LIMIT, GatewayProcess, free_port

LIVE = 2.0
"""Seconds within which an edit must be live."""
SLACK = 1.0
"""What a machine busy with other tests may add."""


class FirstStart:
    """`tidegate serve` as a newcomer calls it: an empty directory, no key yet."""

    def __init__(self, directory: Path, port: int) -> None:
        self.output = directory / "output"
        self.url = f"http://127.0.0.1:{port}"
        environ = {"PATH": os.environ.get("PATH", os.defpath), "TIDEGATE_PORT": str(port), "TIDEGATE_PRE_STOP": "0"}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tidegate", "serve"],
                cwd=directory,
                env=environ,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def ready(self) -> str:
        """What it has printed, once it serves."""
        until = time.monotonic() + START_LIMIT
        while "Keys:" not in self.text() and "print(answer" not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < until, self.text()
            time.sleep(0.02)
        return self.text()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


def within(seconds: float, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_first_start_prints_a_key_and_examples_that_work_and_the_second_none(tmp_path: Path) -> None:
    port = free_port()
    gateway = FirstStart(tmp_path, port)
    try:
        printed = gateway.ready()
        key = re.search(r"^ +(tgk_live_\w+)$", printed, re.MULTILINE)
        assert key is not None
        assert "No provider key was found" in printed
        curl = re.search(r"^ +(curl .*\\\n.*)$", printed, re.MULTILINE)
        assert curl is not None
        answer = json.loads(subprocess.run(curl.group(1), shell=True, capture_output=True, check=True, text=True, timeout=20).stdout)
        assert answer["choices"][0]["message"]["content"] == "Hello"
        example = "    from openai" + printed.partition("    from openai")[2]
        code = "\n".join(line[4:] for line in example.splitlines() if line.startswith("    "))
        assert len(code.splitlines()) == 5
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=30)
        assert said.stdout == "Hello\n"
        assert gateway.end() == 0
    finally:
        gateway.process.kill()
        gateway.process.wait()
    assert (tmp_path / ".tidegate" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert not [path for path in (tmp_path / ".tidegate").rglob("*") if path.is_file() and key.group(1).encode() in path.read_bytes()]
    gateway.output.unlink()
    second = FirstStart(tmp_path, port)
    try:
        assert "tgk_" not in second.ready()
        assert call(f"{second.url}/v1/models", headers={"authorization": f"Bearer {key.group(1)}"}).status == 200
        assert second.end(signal.SIGINT) == 0
    finally:
        second.process.kill()
        second.process.wait()


def test_a_port_in_use_is_said_clearly_and_no_key_is_lost(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = FirstStart(tmp_path, port)
        assert failed.process.wait(20) == 1
    assert f"127.0.0.1:{port}" in failed.text()
    assert "in use" in failed.text()
    assert "Traceback" not in failed.text()
    assert not (tmp_path / ".tidegate" / "keys.json").exists()


def test_a_configuration_that_is_wrong_at_the_start_is_said_clearly_and_no_key_is_lost(tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text("providers:\n  anthropic: {api_keyy: env:X}\n")
    failed = FirstStart(tmp_path, free_port())
    assert failed.process.wait(20) == 1
    assert "tidegate.yaml:2" in failed.text()
    assert "Traceback" not in failed.text()
    assert not (tmp_path / ".tidegate" / "keys.json").exists()


@pytest.fixture
def own(tmp_path: Path, provider: Provider) -> Any:
    with GatewayProcess(tmp_path, configuration(provider), {"UPSTREAM_KEY": "secret"}) as started:
        yield started


@pytest.fixture
def client(own: GatewayProcess) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{own.url}/v1", api_key=own.key, max_retries=0, timeout=20) as made:
        yield made


def configuration(provider: Provider, **routes: list[str]) -> dict[str, Any]:
    return {
        "providers": {"openai": {"base_url": f"{provider.url}/v1", "api_key": "env:UPSTREAM_KEY"}},
        "routes": {name: {"targets": targets} for name, targets in routes.items()},
    }


def ask(gateway: GatewayProcess, model: str = "openai/gpt-4o", key: str = "", text: str = "Hi", **fields: Any) -> Any:
    headers = {"authorization": f"Bearer {key or gateway.key}", "content-type": "application/json"}
    body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
    return call(f"{gateway.url}/v1/chat/completions", "POST", headers, body)


def test_an_edit_goes_live_and_drops_no_stream(own: GatewayProcess, provider: Provider, client: openai.OpenAI) -> None:
    script = json.dumps({"sandbox": {"n": 400, "gap_ms": 10}})
    raw = client.chat.completions.with_raw_response.create(
        model="openai/gpt-4o", messages=[{"role": "user", "content": script}], stream=True
    )
    stream = iter(raw.parse())
    next(stream)
    assert ask(own, "smart").status == 404
    own.configure(configuration(provider, smart=["openai/gpt-4o"]))
    within(LIVE + SLACK, lambda: ask(own, "smart").status == 200)
    assert int(ask(own, "smart").headers["x-tidegate-config-gen"]) > int(raw.headers["x-tidegate-config-gen"])
    rest = list(stream)
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in rest) >= 399
    assert rest[-1].choices[0].finish_reason == "stop"


def test_an_invalid_edit_keeps_the_old_and_says_why(own: GatewayProcess, provider: Provider) -> None:
    own.configure("routes:\n  smart: {targets: [nobody/gpt-4o]}\n")
    within(LIVE + SLACK, lambda: "nobody" in own.log())
    assert ask(own).status == 200
    assert "tidegate.yaml:2" in own.log()
    own.configure(configuration(provider, other=["openai/gpt-4o"]))
    within(LIVE + SLACK, lambda: ask(own, "other").status == 200)


def keys(gateway: GatewayProcess, *arguments: str) -> str:
    environ = {"PATH": os.environ.get("PATH", os.defpath), "TIDEGATE_HOME": str(gateway.home)}
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", "keys", *arguments], env=environ, capture_output=True, check=True, text=True, timeout=30
    )
    return done.stdout.strip()


def test_a_key_made_while_it_runs_works_and_a_revoked_one_does_not(own: GatewayProcess) -> None:
    made = keys(own, "create", "--name", "ci")
    within(LIVE + SLACK, lambda: ask(own, key=made).status == 200)
    keys(own, "revoke", "ci")
    within(LIVE + SLACK, lambda: ask(own, key=made).status == 401)
    assert ask(own).status == 200
    assert made not in own.log()


def test_sigterm_lets_an_open_stream_end_and_writes_its_event(own: GatewayProcess, client: openai.OpenAI) -> None:
    script = json.dumps({"sandbox": {"n": 60, "gap_ms": 10}})
    stream = client.chat.completions.create(model="openai/gpt-4o", messages=[{"role": "user", "content": script}], stream=True)
    chunks = iter(stream)
    next(chunks)
    os.kill(own.pid, signal.SIGTERM)
    rest = list(chunks)
    assert rest[-1].choices[0].finish_reason == "stop"
    assert own.stop() == 0
    event = own.usage()[-1]
    assert (event["status"], event["usage"]["output"]) == (200, 60)
    assert "Traceback" not in own.log()


def test_a_second_and_a_third_signal_cut_open_streams_which_are_told_why(
    own: GatewayProcess, provider: Provider, client: openai.OpenAI
) -> None:
    script = json.dumps({"sandbox": {"n": 5000, "gap_ms": 10}})
    stream = client.chat.completions.create(model="openai/gpt-4o", messages=[{"role": "user", "content": script}], stream=True)
    chunks = iter(stream)
    next(chunks)
    os.kill(own.pid, signal.SIGTERM)
    with pytest.raises(OSError):
        # Once it listens no more, the signal has been seen.
        while True:
            socket.create_connection(("127.0.0.1", own.port), 1).close()
    os.kill(own.pid, signal.SIGTERM)
    time.sleep(0.1)
    assert own.stop() == 0
    with pytest.raises(openai.APIError) as told:
        list(chunks)
    assert told.value.code == "gateway_draining"
    assert (own.usage()[-1]["status"], own.usage()[-1]["estimated"]) == (200, "gateway_draining")
    assert provider.attempts(1)[0]["end"] == "client_gone"


def test_bodies_are_in_the_ledger_only_where_they_are_switched_on(own: GatewayProcess, provider: Provider) -> None:
    assert ask(own, text="a secret question").status == 200
    assert own.usage(1)[0]["request_body"] is None
    own.configure({**configuration(provider, smart=["openai/gpt-4o"]), "server": {"bodies_in_log": True}})
    within(LIVE + SLACK, lambda: ask(own, "smart").status == 200)
    before = len(own.usage(2))
    assert ask(own, text="a logged question", stream=True).status == 200
    event = own.usage(before + 1)[-1]
    assert "a logged question" in event["request_body"]
    assert "[DONE]" in event["response_body"]
    assert "secret question" not in own.log() + own.usage_path.read_text()


def test_a_body_limit_of_the_operator(own: GatewayProcess, provider: Provider) -> None:
    assert ask(own, text="x" * 5000).status == 200
    own.configure({**configuration(provider), "server": {"body_limit": "2KiB"}})
    within(LIVE + SLACK, lambda: ask(own, text="x" * 5000).status == 413)
    assert ask(own).status == 200
