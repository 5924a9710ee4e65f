import json

from tidegate.dialects.openai_chat.reasoning import blocks_of, detail_for_client, detail_for_provider, signs, thinking_of_detail
from tidegate.ir.content import Origin, Thinking
from tidegate.ir.json import JsonObject

HERE = Origin("openai_chat", "openrouter", "m")
THERE = Origin("anthropic", "anthropic", "claude")


def test_our_details_open_again() -> None:
    for block in (Thinking("hm", "sig", None, THERE), Thinking("", None, "xx", THERE), Thinking("hm", None, None, THERE)):
        detail = detail_for_client(block, block.text, block.signature, 0)
        assert detail is not None
        assert detail["format"] == "tidegate/v1"
        assert thinking_of_detail(detail, HERE, keep=True) == block


def test_reasoning_of_unknown_origin_has_no_details() -> None:
    assert detail_for_client(Thinking("hm"), "hm", None, 0) is None


def test_another_gateways_details_are_opaque_in_an_answer() -> None:
    made = detail_for_client(Thinking("hm", "sig", None, THERE), "hm", "sig", 0)
    assert made is not None
    block = thinking_of_detail(made, HERE, keep=False)
    assert (block.text, block.origin) == ("hm", HERE)
    assert detail_for_provider(block) == made


def test_what_signs() -> None:
    yes: list[JsonObject] = [{"signature": "s"}, {"id": "x"}, {"format": "google-gemini-v1"}]
    no: list[JsonObject] = [{}, {"format": None, "index": 0}, {"format": "unknown", "signature": None}]
    assert [signs(rest) for rest in yes + no] == [True] * 3 + [False] * 3


def test_a_readable_piece_keeps_its_rest_as_signature_where_it_signs() -> None:
    piece: JsonObject = {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}
    block = thinking_of_detail(piece, HERE, keep=False)
    assert json.loads(block.signature or "") == {"type": "reasoning.text", "signature": "s", "index": 0}
    assert detail_for_provider(block) == piece
    plain = thinking_of_detail({"type": "reasoning.text", "text": "hm", "index": 0}, HERE, keep=False)
    assert plain == Thinking("hm", None, None, HERE)
    assert detail_for_provider(plain) is None


def test_bare_signatures_make_pieces_too() -> None:
    assert detail_for_provider(Thinking("t", "raw")) == {"type": "reasoning.text", "text": "t", "signature": "raw"}
    assert detail_for_provider(Thinking("t", "{broken")) == {"type": "reasoning.text", "text": "t", "signature": "{broken"}
    assert detail_for_provider(Thinking("", None, "data")) == {"type": "reasoning.encrypted", "data": "data"}


def test_plain_text_and_details_of_one_message() -> None:
    encrypted: JsonObject = {"type": "reasoning.encrypted", "data": "x"}
    text: JsonObject = {"type": "reasoning.text", "text": "hm"}
    assert blocks_of("hm", None, HERE, keep=False) == ([Thinking("hm", origin=HERE)], False)
    assert blocks_of("hm", [text], HERE, keep=False) == ([Thinking("hm", origin=HERE)], False)
    blocks, differs = blocks_of("hm", [encrypted], HERE, keep=False)
    assert ([block.text for block in blocks], differs) == (["hm", ""], False)
    assert blocks_of("other", [text, "junk"], HERE, keep=False)[1] is True
