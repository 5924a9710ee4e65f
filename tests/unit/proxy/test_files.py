from typing import Any

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.unit.proxy.test_operate_form import form, send
from tests.unit.proxy.values import Memory

from tidegate.ports import StorageUnavailable
from tidegate.proxy.file_parts import CHUNK

PURPOSE = ("purpose", b"batch", "")


async def upload(memory: Memory, data: bytes = b"line\n", name: str = "in.jsonl", *more: tuple[str, bytes, str]) -> MemoryClient:
    return await send(memory, form(("file", data, name), PURPOSE, *more), "files", size=100_000)


async def get(memory: Memory, path: str, method: str = "GET") -> Any:
    return await memory.call(path, method=method)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK * 2 + 5])
async def test_a_file_is_what_was_sent(size: int) -> None:
    memory, data = Memory(), bytes(number % 251 for number in range(size))
    made = (await upload(memory, data, "a 'b'.jsonl")).json()
    assert made == {
        "id": made["id"],
        "object": "file",
        "bytes": size,
        "created_at": 1_700_000_000,
        "filename": "a 'b'.jsonl",
        "purpose": "batch",
        "status": "processed",
    }
    assert (await get(memory, f"/v1/files/{made['id']}")).json() == made
    content = await get(memory, f"/v1/files/{made['id']}/content")
    assert (content.body, content.complete) == (data, True)
    assert content.headers["content-disposition"] == "attachment; filename=\"a 'b'.jsonl\""
    assert all(len(part) <= CHUNK for parts in memory.kept.held.values() for part in parts.values())
    assert not memory.provider.sent


async def test_files_are_listed_and_deleted() -> None:
    memory = Memory()
    ids = [(await upload(memory)).json()["id"] for _ in range(3)]
    listed = (await get(memory, "/v1/files?order=asc&limit=2")).json()
    assert ([one["id"] for one in listed["data"]], listed["has_more"], listed["last_id"]) == (ids[:2], True, ids[1])
    after = (await get(memory, f"/v1/files?order=asc&after={ids[1]}&purpose=batch")).json()
    assert [one["id"] for one in after["data"]] == ids[2:]
    assert (await get(memory, "/v1/files?purpose=other")).json()["data"] == []
    assert (await get(memory, f"/v1/files/{ids[0]}", "DELETE")).json() == {"id": ids[0], "object": "file", "deleted": True}
    for path in (f"/v1/files/{ids[0]}", f"/v1/files/{ids[0]}/content"):
        assert (await get(memory, path)).status == 404
    assert (await get(memory, f"/v1/files/{ids[0]}", "DELETE")).status == 404


async def test_another_tenants_file_is_not_there() -> None:
    memory = Memory()
    id = (await upload(memory)).json()["id"]
    memory.kept.rows["other", id] = msgspec.structs.replace(memory.kept.rows.pop(("default", id)), org="other")
    for path, method in ((f"/v1/files/{id}", "GET"), (f"/v1/files/{id}/content", "GET"), (f"/v1/files/{id}", "DELETE")):
        got = await get(memory, path, method)
        assert (got.status, got.json()["error"]["type"]) == (404, "not_found_error")
    assert (await get(memory, "/v1/files")).json()["data"] == []
    assert ("other", id) in memory.kept.rows


async def test_a_file_may_expire() -> None:
    memory = Memory()
    made = (await upload(memory, b"x", "x", ("expires_after[anchor]", b"created_at", ""), ("expires_after[seconds]", b"7200", ""))).json()
    assert made["expires_at"] == 1_700_007_200


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ((PURPOSE,), "file"),
        ((PURPOSE, ("file", b"x", "")), "file"),
        ((("file", b"x", "x"),), "purpose"),
        ((("file", b"x", "x"), ("purpose", b"poems", "")), "purpose"),
        ((("file", b"x", "x"), PURPOSE, ("expires_after[seconds]", b"1", "")), "expires_after"),
    ],
)
async def test_what_is_wrong_is_named(parts: tuple[tuple[str, bytes, str], ...], param: str) -> None:
    memory = Memory()
    got = await send(memory, form(*parts), "files")
    assert (got.status, got.json()["error"]["param"]) == (400, param)
    assert memory.kept.rows == {}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "order=up"])
async def test_a_wrong_query(query: str) -> None:
    assert (await get(Memory(), f"/v1/files?{query}")).status == 400


async def test_a_database_that_is_away_is_503() -> None:
    memory = Memory()
    memory.kept.fails = StorageUnavailable("away")
    assert (await upload(memory)).status == 503
    assert (await get(memory, "/v1/files")).status == 503


@pytest.mark.parametrize("purpose", ["assistants", "evals", "fine-tune", "user_data", "vision"])
async def test_files_of_every_purpose_are_held(purpose: str) -> None:
    memory = Memory()
    made = (await send(memory, form(("file", b"%PDF", "a.pdf"), ("purpose", purpose.encode(), "")), "files")).json()
    assert made["purpose"] == purpose
    assert (await get(memory, f"/v1/files/{made['id']}/content")).body == b"%PDF"
    assert [one["id"] for one in (await get(memory, "/v1/files")).json()["data"]] == [made["id"]]
    assert not memory.provider.sent


ANTHROPIC = {"anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14"}


async def test_anthropics_files() -> None:
    memory = Memory()
    batch = (await upload(memory)).json()["id"]
    made = (await send(memory, form(("file", b"%PDF", "a.pdf")), "files", headers=ANTHROPIC)).json()
    assert made == {
        "id": made["id"],
        "type": "file",
        "filename": "a.pdf",
        "mime_type": "audio/wav",
        "size_bytes": 4,
        "created_at": "2023-11-14T22:13:20Z",
        "downloadable": True,
    }
    assert made["id"].startswith("file_")
    assert (await memory.call(f"/v1/files/{made['id']}", headers=ANTHROPIC, method="GET")).json() == made
    listed = (await memory.call("/v1/files", headers=ANTHROPIC, method="GET")).json()
    assert listed == {"data": [made], "has_more": False, "first_id": made["id"], "last_id": made["id"]}
    gone = await memory.call(f"/v1/files/{made['id']}", headers=ANTHROPIC, method="DELETE")
    assert gone.json() == {"id": made["id"], "type": "file_deleted"}
    again = await memory.call(f"/v1/files/{made['id']}", headers=ANTHROPIC, method="GET")
    assert (again.status, again.json()["error"]["type"]) == (404, "not_found_error")
    assert (await get(memory, f"/v1/files/{batch}")).status == 200


async def test_anthropics_pages() -> None:
    memory = Memory()
    ids = [(await send(memory, form(("file", b"x", "a.txt")), "files", headers=ANTHROPIC)).json()["id"] for _ in range(4)]
    newest = ids[::-1]

    async def page(query: str) -> tuple[list[str], bool]:
        got = (await memory.call(f"/v1/files?{query}", headers=ANTHROPIC, method="GET")).json()
        return [one["id"] for one in got["data"]], got["has_more"]

    assert await page("limit=2") == (newest[:2], True)
    assert await page(f"limit=2&after_id={newest[1]}") == (newest[2:], False)
    assert await page(f"limit=2&before_id={newest[3]}") == (newest[1:3], True)
    assert (await memory.call("/v1/files?limit=1001", headers=ANTHROPIC, method="GET")).status == 400
