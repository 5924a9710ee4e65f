from bench import payloads
from bench.scenarios import SCENARIOS
from bench.upstream import ANTHROPIC, OPENAI


def test_the_text_is_found_in_every_form_of_answer() -> None:
    assert payloads.text_of(payloads.openai_answer()) == payloads.TEXT
    assert payloads.text_of(payloads.anthropic_answer()) == payloads.TEXT
    assert payloads.text_of(payloads.responses_answer()) == payloads.TEXT
    assert payloads.text_of(payloads.gemini_answer()) == payloads.TEXT
    assert payloads.text_of(payloads.embeddings_answer()) == str(payloads.VECTOR[:3])
    assert payloads.text_of(b"".join(payloads.openai_events())) == payloads.STREAMED
    assert payloads.text_of(b"".join(payloads.anthropic_events())) == payloads.STREAMED


def test_a_paced_stream_has_one_piece_for_each_token_and_the_bytes_of_the_burst() -> None:
    for answers in (ANTHROPIC, OPENAI):
        assert len(answers.paced) == payloads.TOKENS + 2
        assert b"".join(answers.paced).count(b"data:") == answers.burst.count(b"data:")


def test_every_request_says_how_long_it_is() -> None:
    for scenario in SCENARIOS:
        head, _, body = scenario.request("some-model", "some-key").partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(body) in head
        assert len(body) > scenario.prompt_bytes * 0.9
