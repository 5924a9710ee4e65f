"""The end of a drill: what its gateways hold while they still run, and what they leave behind when they have ended."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.faults.rig.judging import rest, traces
from tests.support.gateway import GatewayProcess

PROVIDER_KEY = "upstream-secret-of-the-operator"
"""One that can be told from other words."""


@contextlib.contextmanager
def judged_at_its_end(
    gateways: Sequence[GatewayProcess], provider: int, truth: Path | None = None, secrets: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Ends the gateways that the drill has not ended itself, unless it failed. `provider` is the port at which they reach their provider,
    `truth` its account, where it has one; `secrets` are what they were told and nobody else may hear, by what they are."""
    before = [rest.look(gateway, provider) for gateway in gateways]
    yield
    flaws: list[str] = []
    for gateway, look in zip(gateways, before, strict=True):
        flaws += rest.at_rest(gateway, provider, look) if gateway.ended is None else []
    told = truth.read_bytes() if truth is not None and truth.exists() else b""
    for gateway in gateways:
        flaws += _left(gateway, told, secrets or {})
    assert not flaws, "\n".join(flaws)


def _left(gateway: GatewayProcess, truth: bytes, secrets: Mapping[str, str]) -> list[str]:
    flaws: list[str] = []
    if gateway.ended is None and gateway.stop() != 0:
        flaws.append(f"I12: it did not end in good order, but with {gateway.ended}")
    if gateway.ended == 0:
        flaws += rest.reserved(gateway.home)
    keys = {"the key": gateway.key, "the pepper": (gateway.home / "pepper").read_text().strip()}
    flaws += traces.secrets_left(gateway.home, gateway.log(), truth, {**secrets, **keys})
    return flaws + traces.log_bounded(gateway.log(), truth.count(b"\n"))
