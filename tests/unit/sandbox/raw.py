"""A small HTTP client over a raw socket, which shows what the sandbox really sent and how the connection ended."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from tidegate.sandbox.server import Running

ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "secret-key"}
OPENAI_HEADERS = {"authorization": "Bearer secret-key"}


@dataclass
class Raw:
    """An answer: `body` is decoded from its chunks; `ended` is `whole`, `short` (closed too early), `reset`, or `garbled` (no HTTP)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: str = "short"

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of each event; `[DONE]` as it stands."""
        lines = [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, sandbox: Running) -> "Connection":
        return cls(*await asyncio.open_connection(sandbox.host, sandbox.port))

    async def send(self, path: str, body: bytes | None, headers: dict[str, str], method: str = "POST") -> None:
        lines = [f"{method} {path} HTTP/1.1", "host: sandbox", f"content-length: {len(body or b'')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        await self.writer.drain()

    async def answer(self) -> Raw:
        raw = Raw()
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().strip().split("\r\n")
            raw.status = int(first.split()[1])
            raw.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if "content-length" in raw.headers:
                await self._exactly(raw, int(raw.headers["content-length"]))
            else:
                await self._chunked(raw)
            raw.ended = "whole"
        except asyncio.IncompleteReadError:
            raw.ended = "short"
        except ConnectionResetError:
            raw.ended = "reset"
        except ValueError:
            raw.ended = "garbled"
        return raw

    async def _exactly(self, raw: Raw, length: int) -> None:
        while len(raw.body) < length:
            data = await self.reader.read(length - len(raw.body))
            if not data:
                raise asyncio.IncompleteReadError(b"", None)
            raw.body += data

    async def _chunked(self, raw: Raw) -> None:
        while True:
            size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
            raw.body += (await self.reader.readexactly(size + 2))[:-2]
            if not size:
                return

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


async def call(sandbox: Running, path: str, body: Any, headers: dict[str, str], method: str = "POST") -> Raw:
    """One request on a connection of its own."""
    connection = await Connection.open(sandbox)
    try:
        await connection.send(path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers, method)
        return await connection.answer()
    finally:
        await connection.close()


async def get(sandbox: Running, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
    return (await call(sandbox, path, b"", headers or {}, method)).json


async def ask_openai(sandbox: Running, prompt: Any, **fields: Any) -> Raw:
    """One user message to /v1/chat/completions; anything but a string becomes JSON."""
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **fields}
    return await call(sandbox, "/v1/chat/completions", body, OPENAI_HEADERS)


async def ask_anthropic(sandbox: Running, prompt: Any, **fields: Any) -> Raw:
    """One user message to /v1/messages; anything but a string becomes JSON."""
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    body = {"model": "claude", "max_tokens": 4096, "messages": [{"role": "user", "content": text}], **fields}
    return await call(sandbox, "/v1/messages", body, ANTHROPIC_HEADERS)


async def attempt(sandbox: Running, model: str) -> dict[str, Any]:
    """The record of the only attempt at this model, once it has ended."""
    for _ in range(200):
        found = [row for row in (await get(sandbox, "/sandbox/attempts"))["attempts"] if row["model"] == model]
        if found:
            assert len(found) == 1
            return found[0]
        await asyncio.sleep(0.01)
    raise AssertionError(f"no attempt at {model} has ended")
