"""A stage for a drill: the sandbox with its truth log, a fault proxy before it, and a gateway that reaches it through the proxy. What that
gateway holds when the drill is over, and what it leaves behind, is judged here for all of them."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.faults.rig.calls import Transcript
from tests.faults.rig.judge import judge
from tests.faults.rig.judging.ending import judged_at_its_end
from tests.faults.rig.judging.verdict import Verdict
from tests.faults.rig.proxy import FaultProxy
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.app import Settings
from tidegate.sandbox.server import Running, running


class Scene(msgspec.Struct):
    """The provider and the network before it, for whatever gateway stands there. `truth` is the provider's own account."""

    sandbox: Running
    proxy: FaultProxy
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}"

    def truth(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []

    def quiet(self, within: float = 10.0) -> bool:
        """Whether the provider's connections come to rest: nothing is being answered any more."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            if self.sandbox.app.stats.open == 0:
                return True
            time.sleep(0.02)
        return False


class Stage(Scene):
    """`rows` is what the gateway says, `secrets` are what it was told and nobody else may hear, by what they are."""

    gateway: GatewayProcess
    secrets: dict[str, str]

    def rows(self, attempts: int = 0, patience: float = 2.0) -> list[dict[str, Any]]:
        """The ledger's rows: as many as `attempts`, or what there is when no other has come for `patience` seconds. The first may take
        longer: a gateway that has just started opens its database beside its calls."""
        found = self.gateway.usage(min(1, attempts), 30.0)
        until = time.monotonic() + patience
        while len(found) < attempts and time.monotonic() < until:
            time.sleep(0.05)
            before, found = len(found), self.gateway.usage()
            if len(found) > before:
                until = time.monotonic() + patience
        return found

    def judged(self, transcripts: Sequence[Transcript], **more: Any) -> Verdict:
        """Of these calls, beside everything that the provider and the ledger say; `more` is for the judge."""
        truth = self.truth()
        return judge(transcripts, truth, self.rows(len(truth)), secrets=self.secrets.values(), **more)


@contextlib.contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    log = folder / "truth.jsonl"
    with running(Settings(truth_log=log, fsync=False)) as sandbox, FaultProxy(sandbox.port) as proxy:
        yield Scene(sandbox, proxy, log)


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
    replaces parts of tidegate.yaml, `openai` are settings of that provider, `around` is a command that runs the gateway.
    At the end it is judged what the gateway holds and leaves behind (I5, I10, I11)."""
    with scene(folder) as set_up:
        base = set_up.base
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
        with GatewayProcess(folder / "gateway", settings, secrets, around=around) as gateway:
            told = {name: value for name, value in secrets.items() if not name.startswith("TIDEGATE_")}
            with judged_at_its_end([gateway], set_up.proxy.port, set_up.log, told):
                yield Stage(set_up.sandbox, set_up.proxy, set_up.log, gateway, told)
