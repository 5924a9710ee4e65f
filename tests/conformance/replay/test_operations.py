"""Recorded operations through the running gateway: the provider receives the client's bytes but for the model's name, and the client the
provider's."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conformance.replay.asks import written
from tests.conformance.replay.client import Client, Replay, connected, for_all
from tests.conformance.replay.score import check
from tests.support.gateway import GatewayProcess
from tests.support.recordings import Exchange, read_recordings
from tests.support.replay_upstream import ReplayUpstream

PATHS = {"embeddings": "/v1/embeddings", "openai.completions": "/v1/completions", "rerank": "/v1/rerank"}
_OTHER_WIRE = frozenset({"cohere", "voyage", "ollama", "portkey", "writer"})
"""Their recordings of these APIs are not in the operation's own wire: Cohere's, Voyage's and Ollama's embeddings, Portkey's prompts, and
Writer's streams without an end. What is converted has tests beside the shapes."""


@pytest.fixture(scope="module")
def operations(recordings_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    found = read_recordings(recordings_dir, frozenset(PATHS))
    with ReplayUpstream(found) as upstream:
        providers = {"lab": {"kind": "custom", "dialect": "openai_chat", "base_url": f"{upstream.url}/lab/v1"}}
        with GatewayProcess(tmp_path_factory.mktemp("gateway"), {"providers": providers}) as gateway:
            usable = [one for one in found if one.request and one.request.get("model") and one.answer and one.provider not in _OTHER_WIRE]
            yield Replay(gateway, upstream, usable, [], [])


@pytest.mark.parametrize("cut", ["whole", "random:3"])
async def test_operations_pass_untouched(operations: Replay, cut: str, record_property: Callable[[str, object], None]) -> None:
    async with connected(operations) as client:

        async def one(exchange: Exchange) -> list[str]:
            return await _passed(client, exchange, cut)

        check(f"operations {cut}", operations.cores, await for_all(operations.cores, one), record_property, floor=1.0)


async def _passed(client: Client, exchange: Exchange, cut: str) -> list[str]:
    number, name = client.named(exchange, cut)
    sent = written(exchange, {**(exchange.request or {}), "model": f"lab/{name}"})
    reply = await client.post_to(PATHS[exchange.dialect], sent, number)
    if reply.seen is None:
        return [f"the provider was not asked: {reply.status} {reply.body[:300]!r}"]
    flaws: list[str] = []
    if reply.seen.body != sent.replace(f'"lab/{name}"'.encode(), f'"{name}"'.encode()):
        flaws.append("the provider did not receive the client's bytes")
    if reply.seen.path != f"/lab{PATHS[exchange.dialect]}":
        flaws.append(f"the provider was asked at {reply.seen.path}")
    if reply.status != exchange.status:
        flaws.append(f"status {reply.status}, the provider said {exchange.status}")
    if reply.body != exchange.answer and not _an_error(exchange, reply.body):
        flaws.append(f"the client received {reply.body[:200]!r} for {exchange.answer[:200]!r}")
    return flaws


def _an_error(exchange: Exchange, body: bytes) -> bool:
    """A refusal that is no JSON object is said in the client's dialect."""
    return exchange.status >= 400 and not exchange.answer.startswith(b"{") and "error" in json.loads(body)
