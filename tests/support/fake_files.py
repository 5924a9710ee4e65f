"""A provider that takes uploads: OpenAI's audio, files and batches as far as tests need them, on a thread of its own. What it hears it
counts and forgets; files it keeps."""

import asyncio
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.support.gateway import free_port


class FakeFiles:
    """`digests` are SHA-256 of the bodies of transcriptions; `files` and `batches` are what there is, `seen` (method, path) of calls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sizes: list[int] = []
        self.digests: list[str] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.seen: list[tuple[str, str]] = []
        self.keys: set[str] = set()

    def app(self) -> Starlette:
        routes = [
            ("/audio/transcriptions", "POST", self._transcribe),
            ("/files", "POST", self._upload),
            ("/files/{id}", "GET", self._file),
            ("/files/{id}", "DELETE", self._delete),
            ("/files/{id}/content", "GET", self._content),
            ("/batches", "POST", self._batch),
            ("/batches/{id}", "GET", self._batch_state),
            ("/batches/{id}/cancel", "POST", self._cancel),
            ("/messages/batches", "POST", self._message_batch),
            ("/messages/batches/{id}", "GET", self._message_batch_state),
            ("/messages/batches/{id}/results", "GET", self._results),
        ]
        return Starlette(routes=[Route("/v1" + path, self._noted(endpoint), methods=[method]) for path, method, endpoint in routes])

    def _noted(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def noted(request: Request) -> Response:
            self.seen.append((request.method, request.url.path))
            self.keys.add(request.headers.get("authorization") or request.headers.get("x-api-key") or "")
            return await endpoint(request)

        return noted

    async def _transcribe(self, request: Request) -> Response:
        digest, size, head = hashlib.sha256(), 0, b""
        async for chunk in request.stream():
            digest.update(chunk)
            size += len(chunk)
            head = (head + chunk)[:4000] if len(head) < 4000 else head
        self.sizes.append(size)
        self.digests.append(digest.hexdigest())
        if b'name="stream"\r\n\r\ntrue' in head:
            return StreamingResponse(_transcript(), media_type="text/event-stream")
        return JSONResponse({"text": "Hello.", "usage": {"type": "tokens", "input_tokens": 7, "output_tokens": 2, "total_tokens": 9}})

    async def _upload(self, request: Request) -> Response:
        body = await request.body()
        found = re.search(rb'filename="([^"]*)"(?:\r\n[^\r\n]+)*\r\n\r\n(.*?)\r\n--', body, re.S)
        purpose = re.search(rb'name="purpose"\r\n\r\n([a-z_]+)', body)
        if found is None or purpose is None:
            return JSONResponse({"error": {"message": "no file", "type": "invalid_request_error"}}, 400)
        return JSONResponse(self.keep(found[2], found[1].decode(), purpose[1].decode()))

    def keep(self, data: bytes, name: str, purpose: str) -> dict[str, Any]:
        id = f"file-up{len(self.files) + 1}"
        self.contents[id] = data
        self.files[id] = {"id": id, "object": "file", "bytes": len(data), "created_at": 1, "filename": name, "purpose": purpose}
        return self.files[id]

    async def _file(self, request: Request) -> Response:
        found = self.files.get(request.path_params["id"])
        return JSONResponse(found or {"error": {"message": "No such file"}}, 200 if found else 404)

    async def _delete(self, request: Request) -> Response:
        id = request.path_params["id"]
        found = self.files.pop(id, None)
        return JSONResponse({"id": id, "object": "file", "deleted": True}, 200 if found else 404)

    async def _content(self, request: Request) -> Response:
        return Response(self.contents[request.path_params["id"]], media_type="application/octet-stream")

    async def _batch(self, request: Request) -> Response:
        asked = await request.json()
        id = f"batch_up{len(self.batches) + 1}"
        self.batches[id] = {
            "id": id,
            "object": "batch",
            "status": "validating",
            "created_at": 1,
            "output_file_id": None,
            "errors": None,
            **{name: asked.get(name) for name in ("endpoint", "input_file_id", "completion_window", "metadata")},
        }
        return JSONResponse(self.batches[id])

    async def _batch_state(self, request: Request) -> Response:
        batch = self.batches[request.path_params["id"]]
        if batch["status"] == "validating":
            lines = [json.loads(line) for line in self.contents[batch["input_file_id"]].splitlines()]
            answers = [
                {
                    "id": f"line_{line['custom_id']}",
                    "custom_id": line["custom_id"],
                    "response": {
                        "status_code": 200,
                        "request_id": "r",
                        "body": {
                            "id": "chatcmpl-1",
                            "object": "chat.completion",
                            "model": line["body"]["model"],
                            "choices": [],
                            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
                        },
                    },
                    "error": None,
                }
                for line in lines
            ]
            kept = self.keep(b"".join(json.dumps(answer).encode() + b"\n" for answer in answers), "out.jsonl", "batch_output")
            total = len(lines)
            batch |= {"status": "completed", "output_file_id": kept["id"]}
            batch["request_counts"] = {"total": total, "completed": total, "failed": 0}
        return JSONResponse(batch)

    async def _cancel(self, request: Request) -> Response:
        batch = self.batches[request.path_params["id"]]
        batch["status"] = "cancelled"
        return JSONResponse(batch)

    async def _message_batch(self, request: Request) -> Response:
        asked = await request.json()
        id = f"msgbatch_up{len(self.batches) + 1}"
        self.batches[id] = {"requests": asked["requests"]}
        return JSONResponse(_message_batch(id, len(asked["requests"]), "in_progress"))

    async def _message_batch_state(self, request: Request) -> Response:
        id = request.path_params["id"]
        return JSONResponse(_message_batch(id, len(self.batches[id]["requests"]), "ended", f"{self.url}/v1/messages/batches/{id}/results"))

    async def _results(self, request: Request) -> Response:
        lines = [
            {
                "custom_id": one["custom_id"],
                "result": {
                    "type": "succeeded",
                    "message": {
                        "id": "msg_1",
                        "type": "message",
                        "role": "assistant",
                        "model": one["params"]["model"],
                        "content": [{"type": "text", "text": "Hello."}],
                        "stop_reason": "end_turn",
                        "stop_sequence": None,
                        "usage": {"input_tokens": 10, "output_tokens": 5},
                    },
                },
            }
            for one in self.batches[request.path_params["id"]]["requests"]
        ]
        return Response("".join(json.dumps(line) + "\n" for line in lines), media_type="application/x-jsonl")


def _message_batch(id: str, count: int, status: str, results: str | None = None) -> dict[str, Any]:
    ended = status == "ended"
    return {
        "id": id,
        "type": "message_batch",
        "processing_status": status,
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "ended_at": "2026-01-01T00:01:00Z" if ended else None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": results,
        "request_counts": {
            "processing": 0 if ended else count,
            "succeeded": count if ended else 0,
            "errored": 0,
            "canceled": 0,
            "expired": 0,
        },
    }


async def _transcript() -> AsyncGenerator[bytes]:
    done = {"type": "transcript.text.done", "text": "Hello."}
    for event in ({"type": "transcript.text.delta", "delta": "Hel"}, {"type": "transcript.text.delta", "delta": "lo."}, done):
        yield b"data: " + json.dumps(event).encode() + b"\n\n"
    await asyncio.sleep(0)


@contextlib.contextmanager
def running() -> Generator[FakeFiles]:
    """The provider, until the context ends."""
    port = free_port()
    made = FakeFiles(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(made.app(), port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield made
    finally:
        server.should_exit = True
        thread.join(10)
