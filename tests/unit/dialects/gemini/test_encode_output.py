import json

import pytest
from tests.laws.recorded import profile

from tidegate.dialects.table import DIALECTS


@pytest.mark.parametrize("structured", ["native", "none"])
def test_what_a_schema_is_for_is_said(structured: str) -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "A person.", "schema": {"type": "object"}}},
    }
    request = DIALECTS["openai_chat"].decode_request(json.dumps(body).encode())
    sent = json.loads(DIALECTS["gemini"].encode_request(request, profile(structured=structured)).body)
    if structured == "native":
        assert sent["generationConfig"]["responseJsonSchema"] == {"description": "A person.", "type": "object"}
    else:
        assert "The object: A person." in sent["systemInstruction"]["parts"][-1]["text"]
