"""The route table of the data port: which surfaces there are, which dialect they speak, and what answers them."""

from collections.abc import Mapping

from tidegate.proxy import (
    batches,
    compact,
    conversations,
    counting,
    explain,
    files,
    gemini,
    gemini_embed,
    google_caches,
    google_files,
    listing,
    message_batches,
    operate,
    operate_form,
    pipeline,
    responses,
    responses_kept,
    uploads,
)
from tidegate.proxy.paths import Paths, Surface
from tidegate.proxy.quota import quota
from tidegate.proxy.usage import usage

_GEMINI = ("/v1beta/models/{model}", "/v1/models/{model}", "/v1beta1/publishers/google/models/{model}", "/v1beta/{model}")
"""Where Google has its models: the Gemini API in two versions, and Vertex AI with a key alone. The Vercel AI SDK takes a name with a slash
for a whole path."""

SURFACES = Paths(
    (
        Surface("chat_completions", "POST", b"/v1/chat/completions", "openai_chat", pipeline.generate),
        Surface("responses", "POST", b"/v1/responses", "openai_responses", responses.create),
        Surface("messages", "POST", b"/v1/messages", "anthropic", pipeline.generate),
        Surface("models", "GET", b"/v1/models", "", listing.models, body=False),
        Surface("count_tokens", "POST", b"/v1/messages/count_tokens", "anthropic", counting.count_tokens),
        *(Surface(name, "POST", b"/v1/" + name.encode(), "openai_chat", operate.handler(name)) for name in operate.JSON_BODIES),
        *(
            Surface(name, "POST", b"/v1/" + name.encode(), "openai_chat", operate_form.handler(name), form=True)
            for name in ("audio/transcriptions", "audio/translations", "images/edits", "images/variations")
        ),
        Surface("converse", "POST", b"/model/{model}/converse", "bedrock_converse", pipeline.generate, stream=False),
        Surface("converse_stream", "POST", b"/model/{model}/converse-stream", "bedrock_converse", pipeline.generate, stream=True),
        Surface("invoke", "POST", b"/model/{model}/invoke", "bedrock_invoke", pipeline.generate, stream=False),
        Surface("invoke_stream", "POST", b"/model/{model}/invoke-with-response-stream", "bedrock_invoke", pipeline.generate, stream=True),
        Surface("bedrock_count", "POST", b"/model/{model}/count-tokens", "bedrock_converse", counting.count_tokens, stream=False),
        *(
            surface
            for place in _GEMINI
            for surface in (
                Surface("generate_content", "POST", f"{place}:generateContent".encode(), "gemini", gemini.generate, stream=False),
                Surface("stream_content", "POST", f"{place}:streamGenerateContent".encode(), "gemini", gemini.generate, stream=True),
                Surface("embed_content", "POST", f"{place}:embedContent".encode(), "gemini", gemini_embed.one, stream=False),
                Surface("batch_embed", "POST", f"{place}:batchEmbedContents".encode(), "gemini", gemini_embed.batch, stream=False),
                Surface("gemini_count_tokens", "POST", f"{place}:countTokens".encode(), "gemini", counting.count_tokens, stream=False),
            )
        ),
        Surface("gemini_models", "GET", b"/v1beta/models", "gemini", listing.models, body=False),
        Surface("gemini_model", "GET", b"/v1beta/models/{model}", "gemini", listing.model, body=False),
        Surface("google_file_list", "GET", b"/v1beta/files", "gemini", files.files, body=False),
        Surface("google_file", "GET", b"/v1beta/files/{id}", "gemini", files.get, body=False),
        Surface("google_file_delete", "DELETE", b"/v1beta/files/{id}", "gemini", files.delete, body=False),
        Surface("google_file_content", "GET", b"/v1beta/files/{id}:download", "gemini", files.content, body=False),
        Surface("google_upload", "POST", b"/upload/v1beta/files/{ticket}", "gemini", google_files.upload, form=True),
        *(
            surface
            for place in (b"/v1beta", b"/v1")
            for surface in (
                Surface("google_upload_start", "POST", b"/upload" + place + b"/files", "gemini", google_files.start),
                Surface("cache_create", "POST", place + b"/cachedContents", "gemini", google_caches.create),
                Surface("caches", "GET", place + b"/cachedContents", "gemini", google_caches.listed, body=False),
                Surface("cache", "GET", place + b"/cachedContents/{id}", "gemini", google_caches.get, body=False),
                Surface("cache_update", "PATCH", place + b"/cachedContents/{id}", "gemini", google_caches.update),
                Surface("cache_delete", "DELETE", place + b"/cachedContents/{id}", "gemini", google_caches.delete, body=False),
            )
        ),
        Surface("response_tokens", "POST", b"/v1/responses/input_tokens", "openai_responses", responses_kept.input_tokens),
        Surface("response_compact", "POST", b"/v1/responses/compact", "openai_responses", compact.compact),
        Surface("response", "GET", b"/v1/responses/{id}", "openai_responses", responses_kept.get, body=False),
        Surface("response_delete", "DELETE", b"/v1/responses/{id}", "openai_responses", responses_kept.delete, body=False),
        Surface("response_cancel", "POST", b"/v1/responses/{id}/cancel", "openai_responses", responses_kept.cancel),
        Surface("response_input", "GET", b"/v1/responses/{id}/input_items", "openai_responses", responses_kept.input_items, body=False),
        Surface("file_create", "POST", b"/v1/files", "", files.create, form=True),
        Surface("files", "GET", b"/v1/files", "", files.files, body=False),
        Surface("file", "GET", b"/v1/files/{id}", "", files.get, body=False),
        Surface("file_delete", "DELETE", b"/v1/files/{id}", "", files.delete, body=False),
        Surface("file_content", "GET", b"/v1/files/{id}/content", "", files.content, body=False),
        Surface("upload_create", "POST", b"/v1/uploads", "openai_chat", uploads.create),
        Surface("upload_part", "POST", b"/v1/uploads/{id}/parts", "openai_chat", uploads.add, form=True),
        Surface("upload_complete", "POST", b"/v1/uploads/{id}/complete", "openai_chat", uploads.complete),
        Surface("upload_cancel", "POST", b"/v1/uploads/{id}/cancel", "openai_chat", uploads.cancel),
        Surface("batch_create", "POST", b"/v1/batches", "openai_chat", batches.create),
        Surface("batches", "GET", b"/v1/batches", "openai_chat", batches.batches, body=False),
        Surface("batch", "GET", b"/v1/batches/{id}", "openai_chat", batches.get, body=False),
        Surface("batch_cancel", "POST", b"/v1/batches/{id}/cancel", "openai_chat", batches.cancel),
        Surface("message_batch_create", "POST", b"/v1/messages/batches", "anthropic", message_batches.create),
        Surface("message_batches", "GET", b"/v1/messages/batches", "anthropic", message_batches.batches, body=False),
        Surface("message_batch", "GET", b"/v1/messages/batches/{id}", "anthropic", message_batches.get, body=False),
        Surface("message_batch_delete", "DELETE", b"/v1/messages/batches/{id}", "anthropic", message_batches.delete, body=False),
        Surface("message_batch_cancel", "POST", b"/v1/messages/batches/{id}/cancel", "anthropic", message_batches.cancel),
        Surface("message_batch_results", "GET", b"/v1/messages/batches/{id}/results", "anthropic", message_batches.results, body=False),
        Surface("conversations", "POST", b"/v1/conversations", "openai_responses", conversations.create),
        Surface("conversation", "GET", b"/v1/conversations/{id}", "openai_responses", conversations.get, body=False),
        Surface("conversation_update", "POST", b"/v1/conversations/{id}", "openai_responses", conversations.update),
        Surface("conversation_delete", "DELETE", b"/v1/conversations/{id}", "openai_responses", conversations.delete, body=False),
        Surface("conversation_items", "GET", b"/v1/conversations/{id}/items", "openai_responses", conversations.items, body=False),
        Surface("conversation_add", "POST", b"/v1/conversations/{id}/items", "openai_responses", conversations.add_items),
        Surface("conversation_item", "GET", b"/v1/conversations/{id}/items/{item}", "openai_responses", conversations.item, body=False),
        Surface(
            "conversation_item_delete",
            "DELETE",
            b"/v1/conversations/{id}/items/{item}",
            "openai_responses",
            conversations.delete_item,
            body=False,
        ),
        Surface("model", "GET", b"/v1/models/{model}", "", listing.model, body=False),
        Surface("quota", "GET", b"/v1/tidegate/quota", "", quota, body=False),
        Surface("explain", "POST", b"/v1/tidegate/explain", "", explain.explain),
        Surface("usage", "GET", b"/v1/tidegate/usage", "", usage, body=False),
    ),
    ("/health/live", "/health/ready", "/metrics"),
)

_GOOGLE = (b"/v1beta/", b"/v1beta1/", b"/upload/")


def spoken_dialect(path: bytes, headers: Mapping[bytes, bytes]) -> str:
    """The dialect of a client where the surface does not fix it, and of errors before a surface is known."""
    found = SURFACES.find(path)
    for surface in found[0].values() if found is not None else ():
        if surface.dialect:
            return surface.dialect
    if path.startswith(_GOOGLE) or b"x-goog-api-key" in headers:
        return "gemini"
    return "anthropic" if b"anthropic-version" in headers else "openai_chat"
