"""What is measured: each scenario is one request, the kind of load, and the unit of its CPU figure.

Which gateways take part is for `gateways`.
"""

from dataclasses import dataclass
from typing import Literal

from bench import payloads

Family = Literal["claude", "gpt", "gemini", "embedding"]

HEAD = (
    b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: tidegate-bench\r\naccept: application/json\r\ncontent-type: application/json\r\n"
    b"%s\r\ncontent-length: %d\r\n\r\n"
)
PACED_CONNECTIONS = 100
LARGE = 125_000


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    client: Literal["chat", "messages", "responses", "gemini", "embeddings"]
    family: Family
    stream: bool = False
    paced: bool = False
    prompt_bytes: int = 0

    @property
    def unit(self) -> str:
        return "token event" if self.paced else "request"

    @property
    def expected(self) -> str:
        """The text that must come back."""
        if self.client == "embeddings":
            return str(payloads.VECTOR[:3])
        return payloads.STREAMED if self.stream else payloads.TEXT

    def request(self, model: str, key: str) -> bytes:
        """Head and body as they go on the wire."""
        path, proof = b"/v1/chat/completions", b"authorization: Bearer " + key.encode()
        match self.client:
            case "chat":
                body = payloads.chat_request(model, stream=self.stream, prompt_bytes=self.prompt_bytes)
            case "messages":
                path, proof = b"/v1/messages", b"anthropic-version: 2023-06-01\r\nx-api-key: " + key.encode()
                body = payloads.messages_request(model, stream=self.stream)
            case "responses":
                path, body = b"/v1/responses", payloads.responses_request(model)
            case "gemini":
                path, proof = b"/v1beta/models/%b:generateContent" % model.encode(), b"x-goog-api-key: " + key.encode()
                body = payloads.gemini_request()
            case "embeddings":
                path, body = b"/v1/embeddings", payloads.embeddings_request(model)
        return HEAD % (path, proof, len(body)) + body


MAIN = Scenario("chat-claude", "OpenAI client → Claude, translated", "chat", "claude")
SCENARIOS = (
    MAIN,
    Scenario("messages-claude", "Anthropic client → Claude, identity", "messages", "claude"),
    Scenario("chat-openai", "OpenAI client → OpenAI, identity", "chat", "gpt"),
    Scenario("messages-openai", "Anthropic client → OpenAI, translated", "messages", "gpt"),
    Scenario("responses-claude", "Responses client → Claude, translated", "responses", "claude"),
    Scenario("responses-openai", "Responses client → OpenAI, identity", "responses", "gpt"),
    Scenario("chat-gemini", "OpenAI client → Gemini, translated", "chat", "gemini"),
    Scenario("gemini-claude", "Gemini client → Claude, translated", "gemini", "claude"),
    Scenario("gemini-gemini", "Gemini client → Gemini, identity", "gemini", "gemini"),
    Scenario("embeddings-openai", "Embeddings, OpenAI client → OpenAI", "embeddings", "embedding"),
    Scenario("chat-claude-125k", "OpenAI client → Claude, prompt of 125 kB", "chat", "claude", prompt_bytes=LARGE),
    Scenario("chat-openai-125k", "OpenAI client → OpenAI, prompt of 125 kB", "chat", "gpt", prompt_bytes=LARGE),
    Scenario("stream-claude", "OpenAI client → Claude, 200 tokens in one burst", "chat", "claude", stream=True),
    Scenario("stream-openai", "OpenAI client → OpenAI, 200 tokens in one burst", "chat", "gpt", stream=True),
    Scenario("paced-claude", "OpenAI client → Claude, 100 streams of 50 tokens/s", "chat", "claude", stream=True, paced=True),
    Scenario("paced-openai", "OpenAI client → OpenAI, 100 streams of 50 tokens/s", "chat", "gpt", stream=True, paced=True),
)
