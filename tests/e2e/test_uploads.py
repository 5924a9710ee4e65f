"""Forms through a running gateway with the official `openai` client, and how much memory they take there."""

import hashlib
import http.client
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.support import fake_files
from tests.support.fake_files import FakeFiles
from tests.support.gateway import GatewayProcess

MIB = 1 << 20
BOUNDARY = b"of-the-memory-test"


@pytest.fixture(scope="module")
def taker() -> Generator[FakeFiles]:
    with fake_files.running() as made:
        yield made


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory, taker: FakeFiles) -> Generator[GatewayProcess]:
    setup: dict[str, Any] = {
        "providers": {
            "openai": {"base_url": f"{taker.url}/v1", "api_key": "env:UPSTREAM_KEY"},
            "dead": {"kind": "custom", "dialect": "openai_chat", "base_url": "http://127.0.0.1:9/v1"},
        },
        "routes": {"ears": {"targets": ["dead/x", "openai/whisper-1"]}},
    }
    with GatewayProcess(tmp_path_factory.mktemp("uploads"), setup, {"UPSTREAM_KEY": "x"}) as started:
        yield started


@pytest.fixture
def client(hearing: GatewayProcess) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{hearing.url}/v1", api_key=hearing.key, max_retries=0, timeout=60) as made:
        yield made


@pytest.mark.parametrize("model", ["openai/whisper-1", "ears"])
def test_a_transcript(client: openai.OpenAI, hearing: GatewayProcess, model: str) -> None:
    made = client.audio.transcriptions.create(model=model, file=("a.wav", b"RIFF" * 50_000))
    assert made.text == "Hello."
    event = hearing.usage(1)[-1]
    assert (event["surface"], event["usage"]["input"]) == ("audio/transcriptions", 7)


def test_a_transcript_in_pieces(client: openai.OpenAI) -> None:
    stream = client.audio.transcriptions.create(model="openai/gpt-4o-transcribe", file=("a.wav", b"RIFF"), stream=True)
    assert [event.type for event in stream] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]


def resident(pid: int, name: str = "VmRSS") -> int:
    """Bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def form(first: bytes, size: int, last: bytes) -> Iterator[bytes]:
    yield first + b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    piece = bytes(range(256)) * 256
    for _ in range(size // len(piece)):
        yield piece
    yield b"\r\n" + last + b"--" + BOUNDARY + b"--\r\n"


def field(model: bytes) -> bytes:
    return b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + model + b"\r\n"


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_long_upload_takes_little_memory(hearing: GatewayProcess, taker: FakeFiles, where: str) -> None:
    """200 MB: with the model before the file it passes as it comes, with the model after it from the disk."""
    size = 200 * MIB

    def sent(model: bytes, size: int) -> tuple[bytes, int, Iterator[bytes]]:
        first, last = (field(model), b"") if where == "before" else (b"", field(model))
        return first, size, form(first, size, last)

    def send(size: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", hearing.port, timeout=120)
        headers = {**hearing.headers, "content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
        connection.request("POST", "/v1/audio/transcriptions", sent(b"openai/whisper-1", size)[2], headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, b"Hello" in answer.read()) == (200, True)
        connection.close()

    send(MIB)
    hearing.usage(1, within=30)  # the database is loaded after the start, which takes memory of its own
    before = resident(hearing.pid)
    Path(f"/proc/{hearing.pid}/clear_refs").write_text("5")  # the peak begins anew
    send(size)
    peak = resident(hearing.pid, "VmHWM")
    digest = hashlib.sha256()
    for piece in sent(b"whisper-1", size)[2]:
        digest.update(piece)
    assert taker.digests[-1] == digest.hexdigest()
    assert peak - before < 20 * MIB
