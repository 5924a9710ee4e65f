"""The dialects by name: adding one is its folder and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from tidegate.dialects import anthropic, bedrock_converse, bedrock_invoke, gemini, openai_chat, openai_responses
from tidegate.dialects.base import Dialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (openai_chat.DIALECT, openai_responses.DIALECT, anthropic.DIALECT, gemini.DIALECT, bedrock_converse.DIALECT)
    }
)
SPOKEN: Mapping[str, Dialect] = MappingProxyType({**DIALECTS, "bedrock_invoke": bedrock_invoke.DIALECT})
"""What surfaces speak: the dialects, and those of them that a surface has in an envelope of its own."""
