"""A real gateway in a process of its own, for tests that speak to it over HTTP.

`GatewayProcess` writes a configuration into a directory of its own, makes a key, starts `python -m tidegate serve` on a free port and waits
until it is ready. Nothing of the caller's environment but PATH reaches it, so that no provider is configured by accident, and PYTHONPATH,
which says whose code it is.
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tidegate.adapters.keystore import KeyStore

START_LIMIT = 60.0
"""Seconds until the gateway must be ready, on a machine that is busy with other tests."""
STOP_LIMIT = 30.0


class GatewayError(Exception):
    """The gateway did not start or has died; the message ends with its log."""


class GatewayProcess:
    """`with GatewayProcess(tmp_path, config) as gateway:`, then `gateway.url` (without `/v1`), `gateway.key`, `gateway.usage()`.

    `config` is the text of a tidegate.yaml, or a mapping that becomes one; None starts without a file. `environ` is what the process gets
    besides; unless it says so, no provider is asked for its models, because many tests look at each request that a
    provider gets. `around` is a command that runs another, `source` another checkout whose gateway it is. `directory` holds
    `tidegate.yaml`, `home/` (TIDEGATE_HOME) and `gateway.log`.
    """

    def __init__(
        self,
        directory: Path,
        config: str | Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        around: Sequence[str] = (),
        source: Path | None = None,
    ) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.config_path = directory / "tidegate.yaml"
        self.usage_path = self.home / "usage.jsonl"
        self.log_path = directory / "gateway.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = ""
        self._environ = dict(environ or {})
        self._config = config
        self._around = tuple(around)
        self.source = source
        self._process: subprocess.Popen[bytes] | None = None
        self.ended: int | None = None
        """The exit code of its last end; None while it runs."""

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def headers(self) -> dict[str, str]:
        """What a call needs besides its body."""
        return {"authorization": f"Bearer {self.key}", "content-type": "application/json"}

    def configure(self, config: str | Mapping[str, Any]) -> None:
        """Writes the configuration; a gateway that runs takes it when its watcher sees it."""
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        temporary = self.config_path.with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.config_path)

    def join(self, other: Self) -> None:
        """Before its start: it has the pepper and the keys of `other`, as all gateways on one database must."""
        self.home.mkdir(parents=True)
        for name in ("pepper", "keys.json"):
            (self.home / name).write_bytes((other.home / name).read_bytes())
        self.key = other.key

    def start(self) -> Self:
        """Starts it and waits until it is ready. Raises `GatewayError`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._config is not None:
            self.configure(self._config)
        if not self.key:
            self.key = KeyStore(self.home).create("tests")[1]
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONUNBUFFERED": "1",
            "TIDEGATE_HOME": str(self.home),
            "TIDEGATE_ADMIN_PORT": "0",
            "TIDEGATE_PRE_STOP": "0",
            "TIDEGATE_MODEL_LISTS": "0",
        }
        if "PYTHONPATH" in os.environ:
            environ["PYTHONPATH"] = os.environ["PYTHONPATH"]
        environ |= self._environ
        if self.source is not None:
            environ["PYTHONPATH"] = str(self.source / "src")
        command = [*self._around, sys.executable, "-m", "tidegate", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.directory, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.ended = None
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Ends the process, by force where it does not listen. Its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        self.ended = ended(process, sign)
        return self.ended

    def log(self) -> str:
        """Everything that it has printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def admin(self, within: float = 60.0) -> tuple[str, str]:
        """(address of the control API, admin key) as the first start prints them. Raises `TimeoutError`."""
        until = time.monotonic() + within
        while True:
            url = re.search(r"The control API is on (http://\S+)", self.log())
            key = re.search(r"^    (tgk_adm_\w+)$", self.log(), re.M)
            if url is not None and key is not None:
                return url[1], key[1]
            if time.monotonic() > until:
                raise TimeoutError(f"no control API after {within} s:\n{self.log()}")
            time.sleep(0.05)

    def usage(self, count: int = 0, within: float = 30.0) -> list[dict[str, Any]]:
        """The usage events written so far; waits until there are `count` of them. Raises `TimeoutError`."""
        until = time.monotonic() + within
        while True:
            data = self.usage_path.read_bytes() if self.usage_path.exists() else b""
            events = [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
            if len(events) >= count:
                return events
            if time.monotonic() > until:
                raise TimeoutError(f"{len(events)} usage events after {within} s, expected {count}")
            time.sleep(0.02)

    def usage_size(self) -> int:
        """Bytes of usage events written so far."""
        return self.usage_path.stat().st_size if self.usage_path.exists() else 0

    def usage_from(self, start: int) -> tuple[list[dict[str, Any]], int]:
        """The usage events written after byte `start`, and the byte after the last of them."""
        if not self.usage_path.exists():
            return [], start
        with self.usage_path.open("rb") as file:
            file.seek(start)
            whole, newline, _rest = file.read().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()], start + len(whole) + len(newline)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise GatewayError("the gateway is not running")
        return self._process

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_LIMIT
        while self.readiness() != HTTPStatus.OK:
            code = self._running().poll()
            if code is not None:
                raise GatewayError(f"the gateway ended with {code}:\n{self.log()}")
            if time.monotonic() > until:
                raise GatewayError(f"the gateway was not ready after {START_LIMIT} s:\n{self.log()}")
            time.sleep(0.02)

    def readiness(self) -> int:
        """The status of `/health/ready`; 0 where nothing answers."""
        return self._got("/health/ready")[0]

    def metrics(self) -> bytes:
        """The page of `/metrics`; empty where nothing answers."""
        return self._got("/metrics")[1]

    def _got(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    """A port of the loopback that was free a moment ago, below those that the system gives to outgoing connections."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise GatewayError("no port is free")


def ended(process: "subprocess.Popen[bytes]", sign: int, within: float = STOP_LIMIT) -> int:
    """Ends a process, by force where it does not listen. Its exit code."""
    if process.poll() is None:
        process.send_signal(sign)
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
