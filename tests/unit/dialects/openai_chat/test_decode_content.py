from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded_messages

from tidegate.ir.content import Audio, Base64Source, Block, CacheMark, Document, FileSource, Image, Native, Refusal, Text, UrlSource


def _part(part: dict[str, Any]) -> Block:
    [block] = decoded_messages({"role": "user", "content": [part]})[0].blocks
    return block


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "text", "text": "x"}, Text("x")),
        ({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}, Text("x", cache=CacheMark())),
        ({"type": "text", "text": "x", "y": 1}, Text("x", extras={"y": 1})),
        ({"type": "image_url", "image_url": {"url": "https://e/x.png", "detail": "low"}}, Image(UrlSource("https://e/x.png"), "low")),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, Image(Base64Source("image/png", "AA=="))),
        ({"type": "image_url", "image_url": "https://e/x.png"}, Image(UrlSource("https://e/x.png"))),
        ({"type": "image_url", "image_url": {"url": "u", "z": 1}}, Image(UrlSource("u"), extras={"image_url": {"z": 1}})),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, Audio("AA==", "wav")),
        ({"type": "file", "file": {"file_id": "f"}}, Document(FileSource("f"))),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            Document(Base64Source("application/pdf", "AA=="), "a.pdf"),
        ),
        ({"type": "file", "file": {"file_data": "AA=="}}, Document(Base64Source("application/pdf", "AA=="))),
        ({"type": "file", "file": {"file_data": "https://e/a.pdf"}}, Document(UrlSource("https://e/a.pdf"))),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "video_url", "video_url": {"url": "v"}}, Native("openai_chat", {"type": "video_url", "video_url": {"url": "v"}})),
    ],
)
def test_every_part_has_its_block(part: dict[str, Any], block: Block) -> None:
    assert _part(part) == block


def test_strings_nulls_and_lists_of_strings() -> None:
    contents: list[Any] = ["x", "", None, ["a", {"type": "text", "text": "b"}]]
    found = [message.blocks for message in decoded_messages(*({"role": "user", "content": content} for content in contents))]
    assert found == [[Text("x")], [Text("")], [], [Text("a"), Text("b")]]
