"""Lists of models through a whole gateway: read beside it, live at once, there in the next start, and off where the operator says so."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.support.client import MemoryClient
from tests.support.waiting import eventually

from tidegate.app.gateway import running
from tidegate.app.started import Started
from tidegate.control.settings import Settings
from tidegate.proxy import model_lists
from tidegate.proxy.server import Gateway

LIST = json.dumps({"object": "list", "data": [{"id": "qwen-lab", "max_model_len": 4096}]}).encode()


class Lab:
    """A server with a list of models."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.heard = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split(b"\r\n")[0].decode())
        body = LIST if self.status == 200 else b"{}"
        writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()
        self.heard.set()


async def model(gateway: Gateway, token: str, name: str) -> tuple[int, Any]:
    client = MemoryClient("GET", f"/v1/models/{name}", {"authorization": f"Bearer {token}"}, b"")
    await gateway(client)
    return client.status, client.json()


def settings(home: Path, url: str, more: str = "") -> Settings:
    home.mkdir(exist_ok=True)
    file = home / "tidegate.yaml"
    file.write_text(f"providers: {{lab: {{kind: custom, dialect: openai_chat, base_url: '{url}'}}}}\n{more}")
    return Settings(home=home / "state", config_path=file)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_lists, "FIRST", 0.0)


async def test_a_list_is_live_beside_the_gateway_and_in_the_next_start(tmp_path: Path) -> None:
    lab = Lab()
    async with lab.serving() as url:
        chosen = settings(tmp_path / "one", url)
        started = Started(chosen)
        token = started.first_token or ""
        async with running(started) as gateway, asyncio.timeout(20):

            async def status() -> int:
                return (await model(gateway, token, "qwen-lab"))[0]

            await eventually(status, 200, within=20)
            _, found = await model(gateway, token, "qwen-lab")
            assert found["owned_by"] == "lab"
            assert (found["tidegate"]["origin"], found["tidegate"]["context"]) == ("list", 4096)
            assert found["tidegate"]["source"] == f"{url}/models"
        assert lab.asked == ["GET /v1/models HTTP/1.1"]
        lab.status = 500
        async with running(Started(chosen)) as gateway:
            assert (await model(gateway, token, "qwen-lab"))[0] == 200
            assert len(lab.asked) == 1


@pytest.mark.parametrize("off", ["catalog: {model_lists: false}", ""])
async def test_nobody_is_asked_where_lists_are_off(tmp_path: Path, off: str) -> None:
    lab = Lab()
    async with lab.serving() as url:
        chosen = settings(tmp_path / "one", url, off)
        if not off:
            chosen = Settings(home=chosen.home, config_path=chosen.config_path, model_lists=False)
        started = Started(chosen)
        async with running(started) as gateway:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lab.heard.wait(), 0.2)
            assert (await model(gateway, started.first_token or "", "qwen-lab"))[0] == 404
    assert lab.asked == []
