"""The two gateways that stand beside each other on the stage of the drills, each set up for the same work: Tidegate from this checkout, and
LiteLLM's proxy as the benchmark installs it, one process without a database."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from bench.gateways import litellm_version
from tests.faults.rig.stage import Scene, scene, staged
from tests.support.gateway import GatewayError, ended, free_port

from tidegate import __version__

MASTER_KEY = "sk-" + secrets.token_hex(16)
START_LIMIT = 120.0
STOP_LIMIT = 30.0
OPENAI, ANTHROPIC, SAFE = "openai/gpt-4o", "anthropic/claude-sonnet-4-5", "safe"
"""Models of both: two providers, and a route whose second target takes over."""


class Process(Protocol):
    """What drills do with a gateway; `stop` gives the exit code."""

    port: int
    key: str

    @property
    def pid(self) -> int: ...

    def start(self) -> Any: ...

    def stop(self, sign: int = signal.SIGTERM) -> int: ...

    def log(self) -> str: ...


class Wanted(msgspec.Struct, frozen=True):
    """`idle` and `total` are the seconds that a stream may be silent and may take, `redis` the port of one that counts limits."""

    idle: float | None = None
    total: float | None = None
    redis: int | None = None


class Ground(msgspec.Struct):
    """The scene with one of both gateways on it."""

    scene: Scene
    gateway: Process
    rows: Callable[[], list[dict[str, Any]]] | None = None
    """The rows of the gateway's ledger, once it has one for each attempt; None where it claims none."""

    def memory(self) -> int:
        """Bytes that the gateway has."""
        return int(Path(f"/proc/{self.gateway.pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class System(msgspec.Struct, frozen=True):
    name: str
    version: str
    ground: Callable[[Path, Wanted], contextlib.AbstractContextManager[Ground]]


@contextlib.contextmanager
def tidegate(folder: Path, wanted: Wanted) -> Generator[Ground]:
    """As `make faults` has it: a ledger in SQLite, limits on every call."""
    safe: dict[str, Any] = {"targets": [OPENAI, "second/gpt-4o-mini"], "circuit_breaker": False, "retries": 0}
    routes: dict[str, Any] = {SAFE: safe}
    if wanted.total is not None:
        routes["brief"] = {"targets": [OPENAI], "timeout": wanted.total, "retries": 0, "circuit_breaker": False}
    limits = {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}
    config = {"routes": routes, "limits": [{"scope": "key", "limits": limits}] if wanted.redis else []}
    environ = {} if wanted.redis is None else {"TIDEGATE_REDIS_URL": f"redis://127.0.0.1:{wanted.redis}"}
    more: dict[str, Any] = {} if wanted.idle is None else {"timeouts": {"idle": wanted.idle, "answer": wanted.idle}}
    with staged(folder, config, environ, **more) as stage:
        yield Ground(stage, stage.gateway, lambda: stage.rows(len(stage.truth())))


@contextlib.contextmanager
def litellm(folder: Path, wanted: Wanted, *, python: Path) -> Generator[Ground]:
    """With its own words for the same: fallbacks for the route, no cool-down, no retries of its own."""
    with scene(folder) as found:
        silence = {} if wanted.idle is None else {"timeout": wanted.idle, "stream_timeout": wanted.idle}

        def model(name: str, target: str, path: str, **more: Any) -> dict[str, Any]:
            known = {"model": target, "api_base": f"{found.base}{path}", "api_key": "upstream", "rpm": 1_000_000, "tpm": 1_000_000_000}
            return {"model_name": name, "litellm_params": known | more}

        router: dict[str, Any] = {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{SAFE: ["second"]}]}
        settings: dict[str, Any] = {"num_retries": 0}
        if wanted.redis is not None:
            store = {"host": "127.0.0.1", "port": wanted.redis}
            router |= {"redis_host": store["host"], "redis_port": store["port"]}
            settings |= {"cache": True, "cache_params": {"type": "redis", "supported_call_types": [], **store}}
        config = {
            "model_list": [
                # OpenAI's own has the Responses API too, which the scripted provider does not speak.
                model(OPENAI, "custom_openai/gpt-4o", "/p1/v1", **silence),
                model("brief", "custom_openai/gpt-4o", "/p1/v1"),
                model(ANTHROPIC, ANTHROPIC, "/p3"),
                model(SAFE, "custom_openai/gpt-4o", "/p1/v1"),
                model("second", "custom_openai/gpt-4o-mini", "/p2/v1"),
            ],
            "litellm_settings": settings,
            "router_settings": router,
            "general_settings": {"master_key": MASTER_KEY},
        }
        environ = {} if wanted.total is None else {"LITELLM_MAX_STREAMING_DURATION_SECONDS": str(wanted.total)}
        gateway = LiteLLM(folder / "litellm", python, config, environ)
        try:
            gateway.start()
            yield Ground(found, gateway)
        finally:
            gateway.stop()


class LiteLLM:
    """Its proxy in a process of its own, with nothing of the caller's environment but PATH."""

    def __init__(self, folder: Path, python: Path, config: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(json.dumps(config, indent=1))
        self.port = free_port()
        self.key = MASTER_KEY
        self._folder = folder
        self._log = folder / "log"
        self._command = [str(python.parent / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        self._environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "PYTHONUNBUFFERED": "1"}
        self._environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", **environ}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + START_LIMIT
        while self._readiness() != 200:
            if self._process.poll() is not None or time.monotonic() > until:
                raise GatewayError(f"LiteLLM did not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def stop(self, sign: int = signal.SIGTERM) -> int:
        process, self._process = self._process, None
        return 0 if process is None else ended(process, sign, STOP_LIMIT)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _readiness(self) -> int:
        # It answers late while its first calls load what they need.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/health/readiness")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


def systems(python: Path) -> tuple[System, System]:
    """`python` is that of LiteLLM's virtual environment."""

    def beside(folder: Path, wanted: Wanted) -> contextlib.AbstractContextManager[Ground]:
        return litellm(folder, wanted, python=python)

    return System("Tidegate", __version__, tidegate), System("LiteLLM", litellm_version(), beside)
