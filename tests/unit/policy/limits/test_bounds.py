import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.limits.bounds import Unbounded, bound, number, utf8_bytes
from tidegate.wire.splice import Fields, scan


def fields(**parts: object) -> Fields:
    return scan(msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **parts}))


def said(*blocks: object) -> Fields:
    return fields(messages=[{"role": "user", "content": list(blocks)}])


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"x" * 30).decode()}}
DATA_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eHg="}}


def test_text_is_its_bytes_and_something_for_each_message() -> None:
    plain = fields()
    assert bound(plain, "openai_chat").input == len(plain.body) + 16


def test_images_count_at_their_largest() -> None:
    for block, dialect, size in ((PICTURE, "anthropic", 4784), (DATA_URL, "openai_chat", 48_169)):
        found = said(block, {"type": "tool_result", "content": [block]}, {"type": "text", "text": "x"})
        assert bound(found, dialect).input == len(found.body) + 16 + 2 * size


@pytest.mark.parametrize(
    "body",
    [
        said({"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}),
        said({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        said({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
        said({"type": "image_url", "image_url": "https://x.example/a.png"}),
        said({"type": "image_url"}),
        said({"type": "document", "source": {"type": "base64", "data": "eHg="}}),
        said({"type": "document", "source": {"type": "url", "url": "https://x.example"}}),
        said({"type": "document", "source": {"type": "content", "content": [PICTURE]}}),
        said({"type": "file", "file": {"file_id": "f"}}),
        said({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,eHg="}}),
        said({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": "https://x.example"}}]}),
        said({"type": "container_upload", "file_id": "f"}),
        scan(b'{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x.example/a.png"}]}]}'),
        scan(b'{"input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_file","file_id":"f"}]}]}'),
        scan(b'{"input":[{"type":"item_reference","id":"msg_1"}]}'),
        scan(b'{"input":"Hi","previous_response_id":"resp_1"}'),
        fields(messages=[{"role": "user", "content": {"odd": 1}}]),
        fields(messages="odd"),
        fields(tools="odd"),
        fields(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}]),
        fields(tools=[{"type": "code_execution_20250522", "name": "x"}]),
        fields(web_search_options={}),
        fields(mcp_servers=[{"url": "https://x.example"}]),
        fields(models=["other/model"]),
        fields(service_tier="priority"),
        scan(b'{"messages":[{"content":[{"\\u0074ype":"im\\u0061ge","source":{"type":"url"}}]}]}'),
    ],
)
def test_what_has_no_bound(body: Fields) -> None:
    with pytest.raises(Unbounded):
        bound(body, "anthropic")


@pytest.mark.parametrize(
    ("more", "extra"),
    [
        ({"tools": []}, 1000),
        ({"tools": [{"type": "function", "function": {"name": "url"}}, {"name": "file", "input_schema": {}}]}, 1000),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "custom", "custom": {}}]}, 2000),
        ({"tools": None, "mcp_servers": [], "web_search_options": None, "service_tier": "auto"}, 0),
    ],
)
def test_tools_that_the_client_runs_cost_a_prompt(more: dict[str, object], extra: int) -> None:
    body = fields(**more)
    assert bound(body, "anthropic").input == len(body.body) + 16 + extra


def test_more_answers_and_predictions() -> None:
    found = bound(fields(n=3, prediction={"type": "content", "content": "x" * 100}), "openai_chat")
    assert found.choices == 3
    assert found.predicted > 100
    assert bound(fields(n=0), "openai_chat").choices == 1


@given(text=st.text(st.characters(exclude_categories=["Cs"])), ascii_only=st.booleans())
def test_the_bound_covers_the_text_in_every_form(text: str, ascii_only: bool) -> None:
    import json
    import unicodedata

    size = utf8_bytes(json.dumps({"text": text}, ensure_ascii=ascii_only).encode())
    assert size >= len(text.encode())
    assert size >= len(unicodedata.normalize("NFKC", text).encode())


@pytest.mark.parametrize(("raw", "value"), [(b"5", 5), (b"-5", None), (b"5.0", None), (b'"5"', None), (b"9" * 20, None), (None, None)])
def test_numbers(raw: bytes | None, value: int | None) -> None:
    assert number(raw) == value


@pytest.mark.parametrize(
    "content",
    [
        b'{"image":{"format":"png","source":{"bytes":"x"}}}',
        b'{"document": {"name":"d","source":{"bytes":"x"}}}',
        b'{"inlineData":{"mimeType":"image/png","data":"x"}}',
        b'{"file_data":{"file_uri":"x"}}',
    ],
)
def test_media_of_converse_and_gemini_have_no_bound(content: bytes) -> None:
    with pytest.raises(Unbounded, match="media"):
        bound(scan(b'{"messages":[],"contents":[' + content + b"]}"), "bedrock_converse")
