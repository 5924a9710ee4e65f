"""Files with the official clients: uploaded once, and read by models of every provider."""

import io
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import CLAUDE
from tests.e2e.wire import Provider

PNG = b"\x89PNG\r\n\x1a\n" + bytes(90)
SEEN = "1 attachment: image/png (98 bytes)"


@pytest.mark.parametrize("purpose", ["vision", "user_data"])
def test_an_image_of_the_openai_client(openai_client: openai.OpenAI, provider: Provider, model: str, purpose: Any) -> None:
    file = openai_client.files.create(file=("a.png", PNG), purpose=purpose)
    seen: Any = [{"role": "user", "content": [{"type": "input_image", "file_id": file.id}, {"type": "input_text", "text": "What is it?"}]}]
    assert SEEN in openai_client.responses.create(model=CLAUDE, input=seen).output_text
    said: Any = [{"role": "user", "content": [{"type": "file", "file": {"file_id": file.id}}, {"type": "text", "text": "What is it?"}]}]
    answer = openai_client.chat.completions.create(model=model, messages=said).choices[0].message.content
    assert SEEN in str(answer)
    assert file.id in [one.id for one in openai_client.files.list(purpose=purpose)]
    assert openai_client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        openai_client.files.content(file.id)
    assert len(provider.requests()) == 2


def test_a_file_of_the_anthropic_client(anthropic_client: anthropic.Anthropic, provider: Provider, model: str) -> None:
    files = anthropic_client.beta.files
    file = files.upload(file=("a.png", io.BytesIO(PNG), "image/png"))
    assert (file.filename, file.mime_type, file.size_bytes) == ("a.png", "image/png", 98)
    content: Any = [{"type": "image", "source": {"type": "file", "file_id": file.id}}, {"type": "text", "text": "What is it?"}]
    asked: Any = {"model": model, "messages": [{"role": "user", "content": content}], "betas": ["files-api-2025-04-14"]}
    answer = anthropic_client.beta.messages.create(max_tokens=90, **asked)
    assert SEEN in str(answer.content)
    assert anthropic_client.beta.messages.count_tokens(**asked).input_tokens
    assert files.retrieve_metadata(file.id) == file
    assert file.id in [one.id for one in files.list(limit=1)]
    assert files.download(file.id).read() == PNG
    assert files.delete(file.id).id == file.id
    with pytest.raises(anthropic.NotFoundError):
        files.retrieve_metadata(file.id)
    assert all("file_id" not in str(request.body) for request in provider.requests())
