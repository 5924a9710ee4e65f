import hashlib
from typing import Any

import msgspec
import pytest
from tests.unit.proxy.test_operate_form import form, send
from tests.unit.proxy.values import Got, Memory

from tidegate.policy.snapshot import ServerSettings

ONE, TWO = b"a" * 1_500_000, b"b" * 10


async def begun(memory: Memory, **fields: Any) -> Got:
    asked = {"filename": "in.jsonl", "purpose": "batch", "bytes": len(ONE) + len(TWO), "mime_type": "application/jsonl", **fields}
    return await memory.call("/v1/uploads", asked)


async def part(memory: Memory, id: str, data: bytes, name: str = "data") -> Any:
    return (await send(memory, form((name, data, "x")), f"uploads/{id}/parts", size=100_000)).json()


async def test_parts_become_a_file_in_the_order_that_is_asked_for() -> None:
    memory = Memory()
    made = (await begun(memory)).json()
    assert (made["object"], made["status"], made["file"]) == ("upload", "pending", None)
    two, one = await part(memory, made["id"], TWO), await part(memory, made["id"], ONE)
    assert (one["object"], one["upload_id"]) == ("upload.part", made["id"])
    path = f"/v1/uploads/{made['id']}/complete"
    assert (await memory.call(path, {"part_ids": [one["id"]]})).status == 400
    assert (await memory.call(path, {"part_ids": [one["id"], two["id"]], "md5": "0" * 32})).status == 400
    digest = hashlib.md5(ONE + TWO).hexdigest()
    done = (await memory.call(path, {"part_ids": [one["id"], two["id"]], "md5": digest})).json()
    assert (done["status"], done["file"]["bytes"], done["file"]["filename"]) == ("completed", len(ONE) + len(TWO), "in.jsonl")
    assert (await memory.call(f"/v1/files/{done['file']['id']}/content", method="GET")).body == ONE + TWO
    assert (await memory.call(path, {"part_ids": [one["id"]]})).status == 400
    assert {row.kind for row in memory.kept.rows.values()} == {"upload", "file"}
    assert len(memory.kept.rows) == 2


async def test_a_cancelled_upload_takes_nothing_more() -> None:
    memory = Memory()
    id = (await begun(memory)).json()["id"]
    assert (await memory.call(f"/v1/uploads/{id}/cancel", b"")).json()["status"] == "cancelled"
    assert (await part(memory, id, TWO))["error"]["message"].startswith("The upload is cancelled")


async def test_another_tenants_upload_and_the_parts_of_another_one_are_not_there() -> None:
    memory = Memory()
    mine, other = (await begun(memory)).json()["id"], (await begun(memory)).json()["id"]
    foreign = (await part(memory, other, ONE + TWO))["id"]
    got = await memory.call(f"/v1/uploads/{mine}/complete", {"part_ids": [foreign]})
    assert (got.status, got.json()["error"]["param"]) == (404, "part_ids")
    memory.kept.rows["other", mine] = msgspec.structs.replace(memory.kept.rows.pop(("default", mine)), org="other")
    for path in (f"/v1/uploads/{mine}/complete", f"/v1/uploads/{mine}/cancel", f"/v1/uploads/{foreign}/cancel"):
        assert (await memory.call(path, {"part_ids": ["x"]})).status == 404
    assert (await part(memory, mine, TWO))["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"purpose": "poems"}, "purpose"), ({"bytes": 0}, "bytes"), ({"bytes": 5_000_000}, "bytes"), ({"filename": 5}, "filename")],
)
async def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    got = await begun(Memory(server=ServerSettings(upload_limit=4_000_000)), **fields)
    assert (got.status, got.json()["error"]["param"]) == (400, param)


async def test_a_part_needs_its_bytes_and_completing_its_parts() -> None:
    memory = Memory()
    id = (await begun(memory)).json()["id"]
    assert (await part(memory, id, ONE, "file"))["error"]["param"] == "data"
    for ids in (None, [], [5]):
        assert (await memory.call(f"/v1/uploads/{id}/complete", {"part_ids": ids})).json()["error"]["param"] == "part_ids"
