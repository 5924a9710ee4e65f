"""T-LG-9: every surface that makes somebody answer has a row in the ledger. A new one is in one of these tables, or fails here."""

from typing import Any

import pytest
from tests.e2e.conftest import CLAUDE, GPT, usage_of
from tests.e2e.wire import call
from tests.support.gateway import GatewayProcess

from tidegate.proxy.surfaces import SURFACES

HELLO = [{"role": "user", "content": "Hello"}]
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
INVOKE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 10, "messages": HELLO}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
EMBED = {"content": {"parts": [{"text": "Hello"}]}}
PROMPT = {"model": GPT, "prompt": "Hello"}
BOUNDARY = "of-a-form"
PATH_CLAUDE, PATH_GPT = CLAUDE.replace("/", "%2F"), GPT.replace("/", "%2F")


def form(**fields: str) -> bytes:
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"; filename="a"\r\n\r\nRIFF\r\n'
    return ("".join(parts) + "".join(file.format(name) for name in ("file", "image")) + f"--{BOUNDARY}--\r\n").encode()


METERED: dict[str, tuple[str, Any]] = {
    "chat_completions": ("/v1/chat/completions", {"model": GPT, "messages": HELLO}),
    "responses": ("/v1/responses", {"model": GPT, "input": "Hello"}),
    "response_compact": ("/v1/responses/compact", {"model": GPT, "input": HELLO}),
    "messages": ("/v1/messages", {"model": CLAUDE, "max_tokens": 10, "messages": HELLO}),
    "embeddings": ("/v1/embeddings", {"model": GPT, "input": "Hello"}),
    "rerank": ("/v1/rerank", {"model": "one/gpt-4o", "query": "Hello", "documents": ["a"]}),
    "moderations": ("/v1/moderations", {"model": GPT, "input": "Hello"}),
    "completions": ("/v1/completions", PROMPT),
    "images/generations": ("/v1/images/generations", PROMPT),
    "audio/speech": ("/v1/audio/speech", {"model": GPT, "input": "Hello", "voice": "alloy"}),
    **{
        name: (f"/v1/{name}", form(model=GPT, prompt="x"))
        for name in ("audio/transcriptions", "audio/translations", "images/edits", "images/variations")
    },
    "converse": (f"/model/{PATH_GPT}/converse", CONVERSE),
    "converse_stream": (f"/model/{PATH_GPT}/converse-stream", CONVERSE),
    "invoke": (f"/model/{PATH_CLAUDE}/invoke", INVOKE),
    "invoke_stream": (f"/model/{PATH_CLAUDE}/invoke-with-response-stream", INVOKE),
    "generate_content": (f"/v1beta/models/{PATH_GPT}:generateContent", GEMINI),
    "embed_content": (f"/v1beta/models/{PATH_GPT}:embedContent", EMBED),
    "batch_embed": (f"/v1beta/models/{PATH_GPT}:batchEmbedContents", {"requests": [{"model": f"models/{GPT}", **EMBED}]}),
    "stream_content": (f"/v1beta/models/{PATH_GPT}:streamGenerateContent", GEMINI),
}

NOTHING_IS_ANSWERED = {
    *("models", "model", "gemini_models", "gemini_model", "quota", "usage", "explain"),
    *("count_tokens", "bedrock_count", "gemini_count_tokens", "response_tokens"),  # counting is free
    *("response", "response_delete", "response_cancel", "response_input"),  # what is kept
    *("conversations", "conversation", "conversation_update", "conversation_delete", "conversation_items", "conversation_add"),
    *("conversation_item", "conversation_item_delete"),
    *("files", "file", "file_create", "file_delete", "file_content"),
    *("upload_create", "upload_part", "upload_complete", "upload_cancel"),
    *("google_upload_start", "google_upload", "google_file_list", "google_file", "google_file_content", "google_file_delete"),
    # What a provider counts for a cache that is made has its row: `tests/unit/proxy/test_google_caches.py`.
    *("caches", "cache", "cache_create", "cache_update", "cache_delete"),
    # Each line of a batch is a call of its own, with the row of its surface.
    *("batches", "batch", "batch_create", "batch_cancel"),
    *("message_batches", "message_batch", "message_batch_create", "message_batch_cancel", "message_batch_delete", "message_batch_results"),
}


def names() -> set[str]:
    """Of all surfaces."""
    found: set[str] = set()
    for path in SURFACES.paths:
        plain = path.replace("{", "").replace("}", "").encode()
        found |= {surface.name for surface in (SURFACES.find(plain) or ({}, {}))[0].values()}
    return found


def test_every_surface_is_metered_or_answers_nothing() -> None:
    assert not METERED.keys() & NOTHING_IS_ANSWERED
    assert names() == METERED.keys() | NOTHING_IS_ANSWERED


@pytest.mark.parametrize("name", METERED)
def test_it_has_its_row(gateway: GatewayProcess, name: str) -> None:
    path, body = METERED[name]
    kind = f"multipart/form-data; boundary={BOUNDARY}" if isinstance(body, bytes) else "application/json"
    answer = call(f"{gateway.url}{path}", "POST", {**gateway.headers, "content-type": kind}, body)
    # The fake provider does not know all of these operations; an attempt that was refused is a row all the same.
    (event,) = usage_of(gateway, answer.headers["x-request-id"])
    assert (event["surface"], event["attempt"]) == (name, 1)
    assert (event["error"] is None) is (answer.status == 200)
