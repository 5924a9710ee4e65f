import pytest

from tidegate.sandbox.values import pieces_of, slices_of, text_of, token_estimate


@pytest.mark.parametrize("text", ["", "one", "two words", "  lead and trail \n\n", "a" * 40, "ünï ☃ çode", "\n", "a\tb  c"])
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text
    assert all(len(piece.strip()) <= 12 for piece in pieces_of(text))


def test_slices_join_to_the_text() -> None:
    assert slices_of("abcdefghij", 4) == ["abcd", "efgh", "ij"]


def test_text_of_reads_strings_parts_and_tool_results() -> None:
    assert text_of("a") == "a"
    inner = {"type": "tool_result", "content": [{"type": "text", "text": "c"}]}
    assert text_of([{"type": "text", "text": "a"}, {"type": "image"}, inner]) == "a\nc"
    assert text_of(None) == ""


def test_attachments_have_a_flat_price() -> None:
    assert token_estimate([{"type": "text", "text": "12345678"}]) == 3
    assert token_estimate([{"type": "image", "source": {"data": "x" * 10_000}}]) == 100
    assert token_estimate({"properties": {"type": {"enum": ["12345678"]}}}) == 2
