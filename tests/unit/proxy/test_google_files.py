import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.unit.proxy.values import KEY, Memory

from tidegate.records import Tenant

START = {
    "x-goog-api-key": KEY,
    "host": "gate.example",
    "x-forwarded-proto": "https",
    "x-goog-upload-protocol": "resumable",
    "x-goog-upload-command": "start",
    "x-goog-upload-header-content-type": "application/pdf",
}


async def ask(memory: Memory, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> MemoryClient:
    client = MemoryClient(method, path, headers, body)
    await memory.gateway(client)
    return client


async def start(memory: Memory, **file: Any) -> MemoryClient:
    return await ask(memory, "POST", "/upload/v1beta/files", START, json.dumps({"file": file}).encode())


async def send(memory: Memory, path: str, data: bytes, offset: int, command: str = "upload") -> MemoryClient:
    """As Google's client does: without a key."""
    host = {"host": START["host"], "x-forwarded-proto": "https"}
    headers = {**host, "x-goog-upload-command": command, "x-goog-upload-offset": str(offset), "content-length": str(len(data))}
    return await ask(memory, "POST", path, headers, data)


async def uploaded(memory: Memory, data: bytes = b"%PDF-1", **file: Any) -> dict[str, Any]:
    path = urlsplit((await start(memory, **file)).headers_sent["x-goog-upload-url"]).path
    return (await send(memory, path, data, 0, "upload, finalize")).json()["file"]


async def test_a_file_comes_in_pieces_to_an_address_of_its_own() -> None:
    memory = Memory()
    begun = await start(memory, display_name="A paper")
    url = urlsplit(begun.headers_sent["x-goog-upload-url"])
    assert (url.scheme, url.netloc, begun.headers_sent["x-goog-upload-status"]) == ("https", "gate.example", "active")
    first = await send(memory, url.path, b"%PDF", 0)
    assert (first.headers_sent["x-goog-upload-status"], first.headers_sent["x-goog-upload-size-received"]) == ("active", "4")
    assert (await send(memory, url.path, b"x", 3)).status == 400
    asked = await send(memory, url.path, b"", 0, "query")
    assert asked.headers_sent["x-goog-upload-size-received"] == "4"
    last = await send(memory, url.path, b"-1", 4, "upload, finalize")
    file = last.json()["file"]
    assert last.headers_sent["x-goog-upload-status"] == "final"
    told = {name: file[name] for name in ("displayName", "mimeType", "sizeBytes", "state", "uri")}
    assert told == {
        "displayName": "A paper",
        "mimeType": "application/pdf",
        "sizeBytes": "6",
        "state": "ACTIVE",
        "uri": f"https://gate.example/v1beta/{file['name']}",
    }
    assert (await send(memory, url.path, b"more", 6)).status == 404
    got = await ask(memory, "GET", f"/v1/{file['name']}", START)
    assert got.json() == {**file, "uri": file["uri"]}
    assert (await ask(memory, "GET", f"/v1beta/{file['name']}:download?alt=media", START)).sent == b"%PDF-1"
    assert (await ask(memory, "GET", "/v1beta/files?pageSize=1", START)).json() == {"files": [file]}
    assert (await ask(memory, "DELETE", f"/v1beta/{file['name']}", START)).json() == {}
    assert (await ask(memory, "GET", "/v1/files", START)).json() == {}


async def test_files_of_other_clients_are_read_by_googles_address_too() -> None:
    memory = Memory()
    anthropic = {"x-api-key": KEY, "anthropic-version": "2023-06-01", "content-type": "multipart/form-data; boundary=b"}
    form = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF\r\n--b--\r\n'
    made = await ask(memory, "POST", "/v1/files", anthropic, form)
    file = (await ask(memory, "GET", "/v1beta/files", START)).json()["files"][0]
    assert file["name"] == f"files/{made.json()['id']}"
    parts = [{"fileData": {"fileUri": file["uri"]}}]
    await memory.call("/v1beta/models/anthropic/claude-big:generateContent", {"contents": [{"role": "user", "parts": parts}]})
    assert base64.b64encode(b"%PDF") in memory.provider.sent[0].body


async def test_any_model_reads_it() -> None:
    memory = Memory()
    file = await uploaded(memory, name="files/my-paper")
    assert file["name"] == "files/my-paper"
    parts = [{"fileData": {"fileUri": file["uri"], "mimeType": "application/pdf"}}, {"text": "What is it?"}]
    await memory.call("/v1beta/models/anthropic/claude-big:generateContent", {"contents": [{"role": "user", "parts": parts}]})
    sent = json.loads(memory.provider.sent[0].body) if memory.provider.sent else {}
    assert sent["messages"][0]["content"][0]["source"]["data"] == base64.b64encode(b"%PDF-1").decode()


async def test_anothers_file_and_address_are_not_there() -> None:
    memory = Memory()
    file = await uploaded(memory)
    id = file["name"].removeprefix("files/")
    memory.kept.rows["other", id] = msgspec.structs.replace(memory.kept.rows.pop(("default", id)), org="other")
    for method in ("GET", "DELETE"):
        got = await ask(memory, method, f"/v1beta/files/{id}", START)
        assert (got.status, got.json()["error"]["status"]) == (404, "NOT_FOUND")
    body = {"contents": [{"parts": [{"fileData": {"fileUri": file["uri"]}}]}]}
    assert (await memory.call("/v1beta/models/anthropic/claude-big:generateContent", body)).status == 404
    path = urlsplit((await start(memory)).headers_sent["x-goog-upload-url"]).path
    for odd in (path[:-3] + "AAA", "/upload/v1beta/files/x", "/upload/v1beta/files/" + "A" * 2000):
        assert (await send(memory, odd, b"x", 0)).status == 401


@pytest.mark.parametrize(
    ("headers", "file", "status"),
    [
        ({"x-goog-upload-protocol": "raw"}, {}, 400),
        ({"x-goog-upload-header-content-length": "9" * 15}, {}, 413),
        ({"x-goog-upload-header-content-length": "-1"}, {}, 400),
        ({}, {"name": "files/Big Name"}, 400),
        ({}, {"name": "files/file-1"}, 400),
    ],
)
async def test_what_cannot_begin(headers: dict[str, str], file: dict[str, str], status: int) -> None:
    got = await ask(Memory(), "POST", "/upload/v1/files", {**START, **headers}, json.dumps({"file": file}).encode())
    assert got.status == status


async def test_a_piece_that_broke_off_leaves_nothing_and_the_size_must_be_as_it_was_said() -> None:
    memory = Memory()
    begun = await ask(memory, "POST", "/upload/v1beta/files", {**START, "x-goog-upload-header-content-length": "3"}, b"{}")
    path = urlsplit(begun.headers_sent["x-goog-upload-url"]).path
    (row,) = memory.kept.rows.values()
    await memory.kept.put_part(Tenant("default"), row.id, 3, b"of a longer try")
    assert (await send(memory, path, b"ab", 0, "upload, finalize")).status == 400
    assert (await send(memory, path, b"cd", 2)).status == 413
    done = await send(memory, path, b"c", 2, "upload, finalize")
    assert (await ask(memory, "GET", f"/v1beta/{done.json()['file']['name']}:download", START)).sent == b"abc"
    assert (await start(memory, name="files/a")).status == 200
    assert (await start(memory, name="files/a")).status == 409
