import json
from base64 import b64decode
from typing import Any

import pytest

from tidegate.dialects.references import Reference, inline, is_kept, mentions, references
from tidegate.wire.splice import scan


def found(body: Any, dialect: str) -> list[tuple[str, str, str, str]]:
    fields = scan(json.dumps(body).encode())
    named = [(one.kind, one.id, one.field, one.form) for one in references(body, dialect)]
    assert mentions(fields, dialect) or not named
    return named


def said(*parts: Any) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


CHAT_FILE = {"type": "file", "file": {"file_id": "file-1"}}
HELD = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}


@pytest.mark.parametrize(
    ("dialect", "body", "named"),
    [
        ("openai_chat", said(CHAT_FILE), [("File", "file-1", "messages[0].content[0].file.file_id", "chat")]),
        ("openai_chat", said({"type": "odd", "file": {"file_id": "f"}}), [("File", "f", "messages[0].content[0].file.file_id", "")]),
        ("openai_chat", {"model": "m", "file_id": "f"}, [("File", "f", "file_id", "")]),
        (
            "openai_responses",
            {
                "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "a"}, {"type": "input_image", "file_id": "b"}]}],
                "tools": [
                    {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["c", "d"]}},
                    {"type": "code_interpreter", "container": "cntr_1"},
                    {"type": "shell", "environment": {"type": "container_reference", "container_id": "cntr_2"}},
                    {"type": "file_search", "vector_store_ids": ["vs_1"]},
                    {"type": "image_generation", "input_image_mask": {"file_id": "e"}},
                ],
            },
            [
                ("File", "a", "input[0].content[0].file_id", "input_file"),
                ("File", "b", "input[0].content[1].file_id", "input_image"),
                ("File", "c", "tools[0].container.file_ids", ""),
                ("File", "d", "tools[0].container.file_ids", ""),
                ("Container", "cntr_1", "tools[1].container", ""),
                ("Container", "cntr_2", "tools[2].environment.container_id", ""),
                ("Vector store", "vs_1", "tools[3].vector_store_ids", ""),
                ("File", "e", "tools[4].input_image_mask.file_id", ""),
            ],
        ),
        (
            "openai_responses",
            {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
            [("Container", "cntr_1", "tools[0].container", "")],
        ),
        (
            "anthropic",
            {**said(HELD, {"type": "container_upload", "file_id": "f"}), "container": {"id": "container_1", "skills": []}},
            [
                ("Container", "container_1", "container", ""),
                ("File", "file_1", "messages[0].content[0].source.file_id", "source"),
                ("File", "f", "messages[0].content[1].file_id", ""),
            ],
        ),
        ("anthropic", {"container": "container_1"}, [("Container", "container_1", "container", "")]),
        (
            "anthropic",
            said({"type": "tool_result", "tool_use_id": "t", "content": [HELD]}),
            [("File", "file_1", "messages[0].content[0].content[0].source.file_id", "source")],
        ),
        (
            "gemini",
            {
                "contents": [{"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}}]}],
                "cachedContent": "cachedContents/1",
                "tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/1"]}}],
            },
            [
                ("Cached content", "cachedContents/1", "cachedContent", ""),
                ("File", "a", "contents[0].parts[0].fileData.fileUri", "gemini"),
                ("Stored object", "fileSearchStores/1", "tools[0].fileSearch.fileSearchStoreNames", ""),
            ],
        ),
        (
            "gemini",
            {"contents": [{"parts": [{"file_data": {"file_uri": "gs://b/a"}}]}]},
            [("Stored object", "gs://b/a", "contents[0].parts[0].file_data.fileUri", "gemini")],
        ),
        ("gemini", {"contents": [{"parts": [{"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}]}]}, []),
        ("gemini", {"cached_content": "cachedContents/1"}, [("Cached content", "cachedContents/1", "cached_content", "")]),
        (
            "gemini",
            {"generateContentRequest": {"cachedContent": "cachedContents/1"}},
            [("Cached content", "cachedContents/1", "generateContentRequest.cachedContent", "")],
        ),
        (
            "bedrock_converse",
            {"messages": [{"content": [{"image": {"source": {"s3Location": {"uri": "s3://b/a.png"}}}}]}]},
            [("Stored object", "s3://b/a.png", "messages[0].content[0].image.source.s3Location.uri", "")],
        ),
    ],
)
def test_what_a_request_names(dialect: str, body: Any, named: list[tuple[str, str, str, str]]) -> None:
    assert found(body, dialect) == named


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai_chat", {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"const": {"file_id": "a"}}}}]}),
        ("openai_chat", said({"type": "text", "text": '{"file_id":"a"}'})),
        ("openai_chat", {"messages": [{"tool_calls": [{"function": {"arguments": '{"file_id":"a"}'}}]}], "metadata": {"file_id": "a"}}),
        ("openai_responses", {"input": [{"type": "message", "content": [{"type": "output_text", "annotations": [{"file_id": "a"}]}]}]}),
        ("openai_responses", {"input": [{"type": "code_interpreter_call", "container_id": "cntr_1"}]}),
        ("anthropic", said({"type": "tool_use", "id": "t", "name": "read", "input": {"file_id": "a"}})),
        ("anthropic", said({"type": "bash_code_execution_tool_result", "content": {"content": [{"file_id": "a"}]}})),
        ("gemini", {"contents": [{"parts": [{"functionCall": {"args": {"fileData": {"fileUri": "gs://a"}}}}]}]}),
    ],
)
def test_what_people_and_tools_say_names_nothing(dialect: str, body: Any) -> None:
    assert found(body, dialect) == []


@pytest.mark.parametrize("name", [r"\u0066ile_id", r"f\u0069le_id", r"fil\u0065_id", r"file\u005Fid"])
def test_a_name_that_is_hidden_is_found(name: str) -> None:
    fields = scan(json.dumps(said(CHAT_FILE)).replace("file_id", name).encode())
    assert mentions(fields, "openai_chat")
    assert [one.id for one in references(json.loads(fields.body), "openai_chat")] == ["file-1"]


def test_letters_beyond_ascii_hide_nothing() -> None:
    assert not mentions(scan(json.dumps(said({"type": "text", "text": "Käse\u001b"})).encode()), "openai_chat")


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("https://example.com/a.png", False),
        ("HTTP://example.com/a.png", False),
        ("https://storage.googleapis.com/public/a.png", False),
        ("https://generativelanguage.googleapis.com/v1beta/files/a", True),
        ("https://GenerativeLanguage.GoogleAPIs.com./v1beta/files/a", True),
        ("https://x@generativelanguage.googleapis.com/files/a", True),
        ("https://generativelanguage.googleapis.com\\@example.com/files/a", True),
        ("https://[", True),
        ("gs://bucket/a", True),
        ("files/a", True),
    ],
)
def test_addresses_that_are_read_with_a_credential(uri: str, kept: bool) -> None:
    assert is_kept(uri) is kept


PDF_URL, PNG_URL = "data:application/pdf;base64,JVBERg==", "data:image/png;base64,iVBORw=="
PDF, PNG = ("application/pdf", "a.pdf", b"%PDF"), ("image/png", "a.png", b"\x89PNG")


@pytest.mark.parametrize(
    ("dialect", "body", "file", "part"),
    [
        ("openai_chat", said(CHAT_FILE), PDF, {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_URL}}),
        ("openai_chat", said(CHAT_FILE), PNG, {"type": "image_url", "image_url": {"url": PNG_URL}}),
        (
            "anthropic",
            said(HELD),
            PDF,
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
        ),
        (
            "anthropic",
            said(HELD),
            ("text/markdown", "a.md", b"# A"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# A"}},
        ),
    ],
)
def test_the_bytes_stand_in_place_of_the_id(dialect: str, body: Any, file: tuple[str, str, bytes], part: Any) -> None:
    value: Any
    value = json.loads(json.dumps(body))
    named = references(value, dialect)
    assert inline(named[0], *file) == ""
    assert value["messages"][0]["content"] == [part]


@pytest.mark.parametrize(
    ("form", "file", "holder"),
    [
        ("input_file", PDF, {"type": "input_file", "filename": "a.pdf", "file_data": PDF_URL}),
        ("input_file", PNG, {"type": "input_image", "image_url": PNG_URL, "detail": "low"}),
        ("input_image", PNG, {"type": "input_image", "image_url": PNG_URL, "detail": "low"}),
    ],
)
def test_the_same_of_the_responses_api(form: Any, file: tuple[str, str, bytes], holder: Any) -> None:
    one = Reference("f", "File", "input[0].content[0].file_id", form, {"type": form, "file_id": "f", "detail": "low"})
    assert inline(one, *file) == ""
    assert one.holder == holder


def test_the_same_of_gemini() -> None:
    one = Reference("f", "File", "x", "gemini", {"fileData": {"fileUri": "f"}, "thought": False})
    assert inline(one, *PDF) == ""
    assert one.holder == {"thought": False, "inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}}
    assert b64decode("JVBERg==") == b"%PDF"


@pytest.mark.parametrize(("form", "why"), [("", "cannot stand"), ("input_image", "no image")])
def test_where_bytes_cannot_stand(form: Any, why: str) -> None:
    assert why in inline(Reference("f", "File", "x", form, {"file_id": "f"}), *PDF)
