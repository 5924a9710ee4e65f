"""A stage for a drill: the sandbox with its truth log, a fault proxy before it, and a gateway that reaches it through the proxy."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.faults.rig.proxy import FaultProxy
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.app import Settings
from tidegate.sandbox.server import Running, running


class Stage(msgspec.Struct):
    """`truth` and `rows` read what both sides say."""

    sandbox: Running
    proxy: FaultProxy
    gateway: GatewayProcess
    log: Path

    def truth(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []

    def rows(self, attempts: int = 0, rest: float = 2.0) -> list[dict[str, Any]]:
        """The ledger's rows: as many as `attempts`, or what there is when no other has come for `rest` seconds. The first may take longer:
        a gateway that has just started opens its database beside its calls."""
        found = self.gateway.usage(min(1, attempts), 30.0)
        until = time.monotonic() + rest
        while len(found) < attempts and time.monotonic() < until:
            time.sleep(0.05)
            before, found = len(found), self.gateway.usage()
            if len(found) > before:
                until = time.monotonic() + rest
        return found

    def quiet(self, within: float = 10.0) -> bool:
        """Whether the provider's connections come to rest: nothing is being answered any more."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            if self.sandbox.app.stats.open == 0:
                return True
            time.sleep(0.02)
        return False


@contextlib.contextmanager
def staged(
    folder: Path,
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    around: Sequence[str] = (),
    **openai: Any,
) -> Iterator[Stage]:
    """Two OpenAI-shaped and one Anthropic-shaped provider, all the same sandbox: `/p1`, `/p2` and `/p3` in its log. `config` adds to or
    replaces parts of tidegate.yaml, `openai` are settings of that provider, `around` is a command that runs the gateway."""
    log = folder / "truth.jsonl"
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(running(Settings(truth_log=log, fsync=False)))
        proxy = stack.enter_context(FaultProxy(sandbox.port))
        base = f"http://127.0.0.1:{proxy.port}"
        settings: dict[str, Any] = {
            "providers": {
                # Of no known kind: OpenAI's own has the Responses API too, which the sandbox does not speak.
                "openai": {"kind": "custom", "dialect": "openai_chat", "base_url": f"{base}/p1/v1", "api_key": "env:UPSTREAM_KEY"} | openai,
                "second": {"kind": "custom", "dialect": "openai_chat", "base_url": f"{base}/p2/v1", "api_key": "env:UPSTREAM_KEY"},
                "anthropic": {"base_url": f"{base}/p3/v1", "api_key": "env:UPSTREAM_KEY"},
            },
            # Every call is to meet the fault: a target that failed before is asked again.
            "routes": {"safe": {"targets": ["openai/gpt-4o", "second/gpt-4o-mini"], "circuit_breaker": False}},
        }
        settings |= config or {}
        secrets = {"UPSTREAM_KEY": "upstream-secret-of-the-operator", **(environ or {})}
        made = GatewayProcess(folder / "gateway", settings, secrets, around=around)
        yield Stage(sandbox, proxy, stack.enter_context(made), log)
