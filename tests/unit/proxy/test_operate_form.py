import json
from collections.abc import Mapping

import pytest
from tests.support.client import MemoryClient
from tests.unit.proxy.values import JSON, KEY, SSE, Given, Memory

from tidegate.policy.snapshot import ServerSettings
from tidegate.ports import SlowBody, UpstreamFailure

B = "xBx"
TEXT = json.dumps({"text": "Hello", "usage": {"type": "tokens", "input_tokens": 9, "output_tokens": 2, "total_tokens": 11}}).encode()
FILE = ("file", b"RIFF" + bytes(range(256)) * 2000, "a.wav")
MODEL = ("model", b"openai/whisper-1", "")


def form(*parts: tuple[str, bytes, str], end: bytes = b"--\r\n") -> bytes:
    body = b""
    for name, value, filename in parts:
        extra = f'; filename="{filename}"\r\ncontent-type: audio/wav' if filename else ""
        body += f'--{B}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + value + b"\r\n"
    return body + f"--{B}".encode() + end


async def send(
    memory: Memory,
    body: bytes | Exception,
    path: str = "audio/transcriptions",
    *,
    told: bool = True,
    size: int = 7000,
    headers: Mapping[str, str] | None = None,
) -> MemoryClient:
    headers = {"authorization": f"Bearer {KEY}", "content-type": f"multipart/form-data; boundary={B}", **(headers or {})}
    if told and isinstance(body, bytes):
        headers["content-length"] = str(len(body))
    client = MemoryClient("POST", f"/v1/{path}", headers, body)
    client.piece_size = size
    await memory.gateway(client)
    return client


def replaced(body: bytes, model: bytes = b"whisper-1") -> bytes:
    return body.replace(b"openai/whisper-1", model)


@pytest.mark.parametrize("parts", [(MODEL, FILE), (FILE, MODEL), (("language", b"de", ""), MODEL, FILE, ("prompt", b"x", ""))])
@pytest.mark.parametrize("size", [50, 7000, 1 << 20])
async def test_a_form_passes_but_for_the_model(parts: tuple[tuple[str, bytes, str], ...], size: int) -> None:
    memory, body = Memory(Given(TEXT, headers=JSON)), form(*parts)
    got = await send(memory, body, size=size)
    sent = memory.provider.sent[0]
    assert sent.url == "https://api.openai.example/v1/audio/transcriptions"
    assert sent.body == replaced(body)
    assert sent.headers["content-type"] == f"multipart/form-data; boundary={B}"
    assert (got.status, got.sent) == (200, TEXT)
    event = memory.ledger.events[0]
    assert (event.model, event.usage, event.status) == ("whisper-1", {"input": 9, "output": 2, "extras": {"type": "tokens"}}, 200)


@pytest.mark.parametrize("path", ["audio/translations", "images/edits", "images/variations"])
async def test_the_other_forms(path: str) -> None:
    memory = Memory(Given(b"1\n00:00 Hello", headers={"content-type": "text/plain"}))
    got = await send(memory, form(MODEL, FILE), path, told=False)
    assert (got.status, got.sent, got.headers_sent["content-type"]) == (200, b"1\n00:00 Hello", "text/plain")
    assert memory.provider.sent[0].url.endswith(f"/v1/{path}")


async def test_a_transcript_that_is_streamed() -> None:
    events = b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n', b'data: {"type":"transcript.text.done","text":"Hello"}\n\n'
    memory = Memory(Given(*events, headers=SSE))
    got = await send(memory, form(FILE, ("stream", b"true", ""), MODEL))
    assert (got.sent, got.complete) == (b"".join(events), True)
    assert memory.ledger.events[0].error is None


async def test_another_target_gets_the_whole_form() -> None:
    memory = Memory(UpstreamFailure("headers", "reset"), Given(TEXT, headers=JSON))
    body = form(("model", b"two", ""), FILE)
    assert (await send(memory, body)).status == 200
    assert [sent.body for sent in memory.provider.sent] == [body.replace(b"two", b"gpt-9")] * 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (form(FILE), 400, "missing_required_parameter"),
        (form(MODEL, MODEL, FILE), 400, "duplicate_field"),
        (form(FILE, MODEL, MODEL), 400, "duplicate_field"),
        (form(MODEL, FILE, MODEL), 400, "duplicate_field"),
        (form(MODEL, FILE, end=b""), 400, "invalid_form"),
        (form(MODEL, ("x" * 9000, b"", "")), 400, "invalid_form"),
        (form(("model", b"\xff", ""), FILE), 400, "invalid_type"),
        (form(("model", b"x", "model.txt"), FILE), 400, "invalid_type"),
        (b"nothing", 400, "invalid_form"),
        (form(("model", b"nobody", ""), FILE), 404, "model_not_found"),
        (form(MODEL, FILE, FILE), 413, "request_too_large"),
        (SlowBody(), 408, "request_timeout"),
    ],
)
async def test_what_is_wrong_is_told(body: bytes | Exception, status: int, code: str) -> None:
    memory = Memory(Given(TEXT, headers=JSON), server=ServerSettings(upload_limit=700_000))
    got = await send(memory, body)
    assert (got.status, got.json()["error"]["code"]) == (status, code)
    assert not memory.provider.sent


async def test_what_is_no_form_is_refused() -> None:
    got = await Memory().call("/v1/images/edits", {"model": "openai/x"})
    assert (got.status, got.json()["error"]["code"]) == (400, "invalid_form")
