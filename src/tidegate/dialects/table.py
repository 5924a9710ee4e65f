"""The dialects by name: adding one is its folder and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from tidegate.dialects import anthropic, bedrock_converse, openai_chat
from tidegate.dialects.base import Dialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {dialect.name: dialect for dialect in (openai_chat.DIALECT, anthropic.DIALECT, bedrock_converse.DIALECT)}
)
