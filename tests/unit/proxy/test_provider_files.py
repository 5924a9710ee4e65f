import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.unit.policy.values import key
from tests.unit.proxy.test_operate_form import B, form, send
from tests.unit.proxy.values import JSON, KEY, Given, Memory

from tidegate.policy.route import Planner
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, ServerSettings
from tidegate.ports import StorageUnavailable, UpstreamFailure

AT_OPENAI = {"x-tidegate-provider": "openai"}
AT_ANTHROPIC = {"x-tidegate-provider": "anthropic", "anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14"}
OURS = form(("file", b"%PDF" * 20_000, "a.pdf"), ("purpose", b"user_data", ""))
TOLD = b'{"id":"file-theirs","object":"file","bytes":80000,"created_at":7,"filename":"a.pdf","purpose":"user_data","status":"processed"}'
CLAUDES = (
    b'{"id":"file_theirs","type":"file","filename":"a.pdf","mime_type":"application/pdf","size_bytes":80000,'
    b'"created_at":"2025-04-15T18:37:24.100435Z","downloadable":false}'
)


async def kept(memory: Memory) -> str:
    memory.provider.given.insert(0, Given(TOLD))
    got = await send(memory, OURS, "files", headers=AT_OPENAI)
    assert (got.status, got.sent) == (200, TOLD)
    return str(got.json()["id"])


async def get(memory: Memory, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Any:
    return await memory.call(path, method=method, headers=headers)


@pytest.mark.parametrize("size", [100, 1 << 20])
async def test_a_file_goes_to_the_provider_that_the_client_names_as_it_is(size: int) -> None:
    memory = Memory(Given(TOLD))
    got = await send(memory, OURS, "files", headers=AT_OPENAI, size=size)
    assert (got.status, got.sent, got.headers_sent["x-tidegate-target"]) == (200, TOLD, "openai")
    sent = memory.provider.sent[0]
    assert (sent.url, sent.body, sent.headers["authorization"]) == ("https://api.openai.example/v1/files", OURS, "Bearer upstream-secret")
    assert sent.headers["content-type"] == f"multipart/form-data; boundary={B}"
    row = memory.kept.rows["default", "file-theirs"]
    assert (row.kind, row.upstream, row.account, row.state, row.expires) == ("file", "openai", "", "user_data", None)
    assert memory.kept.held == {}
    assert (await get(memory, "/v1/files")).json()["data"] == [{**json.loads(TOLD)}]


async def test_anthropics_files_api() -> None:
    memory = Memory(Given(CLAUDES), Given(status=200))
    body = form(("file", b"%PDF", "a.pdf"))
    got = await send(memory, body, "files", headers=AT_ANTHROPIC)
    assert (got.status, got.sent) == (200, CLAUDES)
    sent = memory.provider.sent[0]
    assert (sent.url.endswith("/v1/files"), sent.body, sent.headers["anthropic-beta"]) == (True, body, "files-api-2025-04-14")
    told = (await get(memory, "/v1/files/file_theirs", headers=AT_ANTHROPIC)).json()
    assert told == {**json.loads(CLAUDES), "created_at": "2025-04-15T18:37:24Z"}
    assert (await get(memory, "/v1/files/file_theirs", "DELETE", AT_ANTHROPIC)).json() == {"id": "file_theirs", "type": "file_deleted"}


async def test_the_operator_says_where_uploads_go() -> None:
    memory = Memory(Given(TOLD), server=ServerSettings(files_at=("anthropic", "openai")))
    assert (await send(memory, OURS, "files")).json()["id"] == "file-theirs"
    batch = await send(memory, form(("file", b"{}", "a.jsonl"), ("purpose", b"batch", "")), "files")
    here = await send(memory, OURS, "files", headers={"x-tidegate-provider": "tidegate"})
    assert {memory.kept.rows["default", got.json()["id"]].upstream for got in (batch, here)} == {""}


@pytest.mark.parametrize(
    "headers", [{"x-tidegate-provider": "nobody"}, {"x-tidegate-provider": "anthropic"}, {**AT_ANTHROPIC, "x-tidegate-provider": "openai"}]
)
async def test_a_provider_that_cannot_have_it(headers: dict[str, str]) -> None:
    memory = Memory()
    got = await send(memory, OURS, "files", headers=headers)
    assert got.status == 400
    assert (memory.kept.rows, memory.provider.sent) == ({}, [])


async def test_a_key_that_may_not_use_the_provider() -> None:
    memory = Memory()
    snapshot = memory.app.live.snapshot
    narrow = msgspec.structs.replace(key("tests", token=KEY), models=("anthropic/*",))
    memory.app.live.current = Planner(msgspec.structs.replace(snapshot, keys_by_digest={narrow.digest: narrow}))
    got = await send(memory, OURS, "files", headers=AT_OPENAI)
    assert (got.status, memory.provider.sent) == (403, [])


async def test_what_the_provider_refuses_is_told_and_not_kept() -> None:
    refused = b'{"error":{"message":"Bad key upstream-secret","type":"invalid_request_error"}}'
    memory = Memory(Given(refused, status=401, headers=JSON))
    got = await send(memory, OURS, "files", headers=AT_OPENAI)
    assert (got.status, got.json()["error"]["message"]) == (401, "Bad key ***")
    assert memory.kept.rows == {}


async def test_what_cannot_be_recorded_is_not_given() -> None:
    memory = Memory(Given(TOLD))
    memory.kept.fails = StorageUnavailable("away")
    got = await send(memory, OURS, "files", headers=AT_OPENAI)
    assert (got.status, b"file-theirs" in got.sent) == (503, False)


async def test_its_content_and_its_end() -> None:
    memory = Memory()
    id = await kept(memory)
    memory.provider.given += [
        Given(b"%PD", b"F", headers={"content-type": "application/pdf"}),
        Given(b'{"error":{"message":"Not allowed to download files of purpose: user_data"}}', status=400),
        Given(b'{"error":{"message":"busy"}}', status=503),
        Given(b'{"id":"file-theirs","object":"file","deleted":true}'),
    ]
    content = await get(memory, f"/v1/files/{id}/content")
    assert (content.status, content.body, content.headers["content-type"]) == (200, b"%PDF", "application/pdf")
    assert (await get(memory, f"/v1/files/{id}/content")).status == 400
    assert (await get(memory, f"/v1/files/{id}", "DELETE")).status == 502
    assert (await get(memory, f"/v1/files/{id}", "DELETE")).json()["deleted"]
    assert (await get(memory, f"/v1/files/{id}")).status == 404
    assert [(sent.method, sent.url.rpartition("/v1")[2]) for sent in memory.provider.sent[1:]] == [
        ("GET", "/files/file-theirs/content"),
        ("GET", "/files/file-theirs/content"),
        ("DELETE", "/files/file-theirs"),
        ("DELETE", "/files/file-theirs"),
    ]


async def test_another_tenants_file_is_not_there() -> None:
    memory = Memory()
    id = await kept(memory)
    memory.kept.rows["other", id] = msgspec.structs.replace(memory.kept.rows.pop(("default", id)), org="other")
    for path, method in ((f"/v1/files/{id}", "GET"), (f"/v1/files/{id}/content", "GET"), (f"/v1/files/{id}", "DELETE")):
        assert (await get(memory, path, method)).status == 404
    assert len(memory.provider.sent) == 1


async def test_it_is_asked_for_with_the_credential_that_it_was_sent_with() -> None:
    memory = Memory()
    snapshot = memory.app.live.snapshot
    accounts = tuple(Account(id=name, name=name, secret=Secret(f"secret-{name}")) for name in ("a", "b"))

    def use(*accounts: Account) -> None:
        openai = msgspec.structs.replace(snapshot.upstreams["openai"], accounts=accounts)
        memory.app.live.current = Planner(msgspec.structs.replace(snapshot, upstreams={**snapshot.upstreams, "openai": openai}))

    use(*accounts)
    id = await kept(memory)
    row = memory.kept.rows["default", id]
    assert memory.provider.sent[0].headers["authorization"] == f"Bearer secret-{row.account}"
    memory.provider.given.append(Given(b"x"))
    assert (await get(memory, f"/v1/files/{id}/content")).status == 200
    assert memory.provider.sent[1].headers["authorization"] == f"Bearer secret-{row.account}"
    use(*(account for account in accounts if account.id != row.account))
    assert (await get(memory, f"/v1/files/{id}/content")).status == 404


async def test_a_provider_that_cannot_be_reached() -> None:
    memory = Memory(UpstreamFailure("connect", "refused"))
    got: MemoryClient = await send(memory, OURS, "files", headers=AT_OPENAI)
    assert got.status == 502
