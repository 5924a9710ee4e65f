import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from tests.unit.policy.values import snapshot, upstream
from tests.unit.proxy.values import Given, Provider, Tokens

from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, Snapshot, Upstream
from tidegate.ports import UpstreamFailure
from tidegate.providers.lists import ProviderList, Shape
from tidegate.proxy import model_lists
from tidegate.proxy.model_lists import FIRST, INTERVAL, Asking, ModelLists, NoList, can_be_asked, read_list, read_lists

SHAPES = {
    "openai": Shape(path="/models", rows=("data",), id=("id",)),
    "anthropic": Shape(path="/v1/models", rows=("data",), id=("id",), next=("after_id", "last_id"), more="has_more"),
}
OPENAI, CLAUDE = upstream("openai"), upstream("anthropic")


def page(*names: str, **more: Any) -> Given:
    return Given(json.dumps({"data": [{"id": name} for name in names], **more}).encode())


def only(*upstreams: Upstream) -> Snapshot:
    """Without the sandbox."""
    return msgspec.structs.replace(snapshot(), upstreams={up.name: up for up in upstreams})


class Time:
    at = 1000.0

    def now(self) -> float:
        return self.at


def made(
    provider: Provider, time: Time, read: Mapping[str, ProviderList] | None = None, jitter: Callable[[], float] | None = None
) -> ModelLists:
    return ModelLists(Asking(provider, Tokens(), time.now), SHAPES, jitter or (lambda: 0.5), read or {})


def asking(provider: Provider) -> Asking:
    return Asking(provider, Tokens(), lambda: 1e9)


async def test_pages_are_read_as_one_list_with_the_headers_of_calls() -> None:
    provider = Provider(page("a", "b", has_more=True, last_id="b"), page("b", "c", has_more=False, last_id="c"))
    rows = await read_list(asking(provider), CLAUDE, SHAPES["anthropic"])
    assert [row.id for row in rows] == ["a", "b", "c"]
    assert [(sent.method, sent.url, sent.body) for sent in provider.sent] == [
        ("GET", "https://api.anthropic.example/v1/models", b""),
        ("GET", "https://api.anthropic.example/v1/models?after_id=b", b""),
    ]
    assert provider.sent[0].headers["x-api-key"] == "upstream-secret"
    assert "anthropic-version" in provider.sent[0].headers


async def test_a_cursor_that_stays_ends_the_list() -> None:
    provider = Provider(*(page("a", has_more=True, last_id="a") for _ in range(3)))
    assert len(await read_list(asking(provider), CLAUDE, SHAPES["anthropic"])) == 1
    assert len(provider.sent) == 2


@pytest.mark.parametrize(
    "given", [Given(b"{}", status=401), Given(b"no"), Given(b"[5"), Given(b'{"data": 5}'), UpstreamFailure("connect", "no")]
)
async def test_what_is_no_list(given: Given | Exception) -> None:
    with pytest.raises(NoList):
        await read_list(asking(Provider(given)), OPENAI, SHAPES["openai"])


async def test_a_shared_credential_of_the_database_asks() -> None:
    account = Account(id="a", name="a", secret=Secret("of-the-database"))
    provider = Provider(page("a"))
    await read_list(asking(provider), msgspec.structs.replace(OPENAI, credential=None, accounts=(account,)), SHAPES["openai"])
    assert provider.sent[0].headers["authorization"] == "Bearer of-the-database"


def test_who_can_be_asked() -> None:
    assert can_be_asked(OPENAI)
    assert can_be_asked(upstream("ollama"))
    assert not can_be_asked(upstream("openai", missing="set it"))
    assert not can_be_asked(msgspec.structs.replace(OPENAI, credential=None))
    assert can_be_asked(msgspec.structs.replace(OPENAI, auth="google", credential=Secret("{}")))


async def test_what_a_credential_is_exchanged_for_asks_and_one_of_two_lists_is_enough() -> None:
    cloud = msgspec.structs.replace(OPENAI, auth="google", credential=Secret('{"type": "service_account"}'))
    provider = Provider(page("a"), Given(b"", status=403))
    rows, flaws = await read_lists(asking(provider), cloud, (SHAPES["openai"], SHAPES["anthropic"]))
    assert ([row.id for row in rows], flaws) == (["a"], "/v1/models: status 403")
    assert provider.sent[0].headers["authorization"] == "Bearer google-token"
    assert not any("service_account" in value for value in provider.sent[0].headers.values())


async def test_each_is_read_in_its_time_and_a_failure_keeps_the_last_list() -> None:
    time, snap = Time(), only(OPENAI)
    provider = Provider(page("a"), UpstreamFailure("connect", "refused"), Given(b"", status=500), page("b"))
    lists = made(provider, time)
    assert not await lists.step(snap)
    time.at += FIRST
    assert await lists.step(snap)
    assert [row.id for row in lists.lists["openai"].rows] == ["a"]
    assert lists.lists["openai"].at == time.at
    time.at += INTERVAL - 1
    assert not await lists.step(snap)
    time.at += 1
    assert not await lists.step(snap)
    assert lists.failing == {"openai": "refused"}
    assert [row.id for row in lists.lists["openai"].rows] == ["a"]
    time.at += 59
    assert not await lists.step(snap)
    assert len(provider.sent) == 2
    time.at += 1
    assert not await lists.step(snap)
    assert lists.failing == {"openai": "status 500"}
    time.at += 60
    assert not await lists.step(snap)
    assert len(provider.sent) == 3
    time.at += 60
    assert await lists.step(snap)
    assert ([row.id for row in lists.lists["openai"].rows], lists.failing) == (["b"], {})


async def test_a_list_of_an_earlier_start_is_not_read_again_before_its_time() -> None:
    time, provider = Time(), Provider(page("b"))
    kept = {"openai": ProviderList(at=time.at - INTERVAL / 2, source="https://api.openai.example/v1/models", rows=())}
    lists = made(provider, time, kept)
    time.at += FIRST
    assert not await lists.step(only(OPENAI))
    moved = msgspec.structs.replace(OPENAI, base_url="https://elsewhere.example/v1")
    lists = made(provider, time, kept, lambda: 0.0)
    assert await lists.step(only(moved))
    assert lists.lists["openai"].source == "https://elsewhere.example/v1/models"


@pytest.mark.parametrize("snap", [only(upstream("openai", missing="set it")), msgspec.structs.replace(only(OPENAI), reads_lists=False)])
async def test_nobody_is_asked(snap: Snapshot) -> None:
    assert not await made(Provider(), Time(), jitter=lambda: 0.0).step(snap)


async def test_only_some_are_asked_at_once_and_none_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_lists, "_LONGEST", 0.05)

    class Silent(Provider):
        busy = most = 0

        async def open(self, *_args: Any, **_more: Any) -> Given:
            self.busy += 1
            self.most = max(self.most, self.busy)
            try:
                return await asyncio.Future[Given]()
            finally:
                self.busy -= 1

    provider = Silent()
    many = [msgspec.structs.replace(OPENAI, name=f"p{number}") for number in range(10)]
    lists = made(provider, Time(), jitter=lambda: 0.0)
    assert not await lists.step(only(*many))
    assert (provider.most, provider.busy) == (4, 0)
    assert lists.failing == {f"p{number}": "no answer in time" for number in range(10)}
