import pytest

from tidegate.ir.errors import GatewayError
from tidegate.proxy.surfaces import SURFACES, spoken_dialect


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", b"/v1/chat/completions", "chat_completions"),
        ("POST", b"/v1/messages", "messages"),
        ("POST", b"/v1/messages/count_tokens", "count_tokens"),
        ("GET", b"/v1/models", "models"),
        ("GET", b"/v1/models/gpt-4o", "model"),
        ("GET", b"/v1/models/a%2Fb", "model"),
        ("GET", b"/v1/models/a/b", "model"),
        ("POST", b"/v1beta/models/a/b:generateContent", "generate_content"),
        ("POST", b"/v1beta/a/b:streamGenerateContent", "stream_content"),
        ("GET", b"/v1/tidegate/quota", "quota"),
        ("POST", b"/v1/tidegate/explain", "explain"),
        ("GET", b"/v1/tidegate/usage", "usage"),
    ],
)
def test_surfaces(method: str, path: bytes, name: str) -> None:
    assert SURFACES.match(method, path)[0].name == name


def test_a_path_of_google_names_the_same_model_with_models_and_without() -> None:
    for path in (b"/v1beta/models/a/b:generateContent", b"/v1beta/a/b:generateContent", b"/v1beta/a%2Fb:generateContent"):
        assert SURFACES.match("POST", path)[1] == {"model": "a/b"}


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", b"/v1/messages", 405, "use POST"),
        ("DELETE", b"/v1/models/x", 405, "use GET"),
        ("POST", b"/v1/mesages", 404, "Did you mean /v1/messages?"),
        ("POST", b"/chat/completions", 404, "/v1/chat/completions"),
        ("GET", b"/nothing/like/it", 404, "There are: "),
        ("GET", b"/v1/models/", 404, "/v1/models"),
        ("POST", b"/v1//messages", 400, "plain path"),
        ("POST", b"/v1/x/../messages", 400, "plain path"),
        ("POST", b"/v1/%2e%2E%2fmessages", 400, "plain path"),
        ("POST", b"/v1/\xff" + b"x" * 5000, 404, "There is no"),
    ],
)
def test_paths_that_are_none(method: str, path: bytes, status: int, words: str) -> None:
    with pytest.raises(GatewayError) as raised:
        SURFACES.match(method, path)
    assert raised.value.error.http_status == status
    assert words in raised.value.error.message
    assert len(raised.value.error.message) < 600


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        (b"/v1/messages", {}, "anthropic"),
        (b"/v1/chat/completions", {b"anthropic-version": b"x"}, "openai_chat"),
        (b"/v1/models", {}, "openai_chat"),
        (b"/v1/models", {b"anthropic-version": b"x"}, "anthropic"),
        (b"/nothing", {b"anthropic-version": b"x"}, "anthropic"),
    ],
)
def test_the_dialect_of_a_client(path: bytes, headers: dict[bytes, bytes], dialect: str) -> None:
    assert spoken_dialect(path, headers) == dialect
