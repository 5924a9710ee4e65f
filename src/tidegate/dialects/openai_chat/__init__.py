"""OpenAI's Chat Completions, both ways. `DIALECT` is all that the rest of the product uses."""

from tidegate.dialects.openai_chat.dialect import DIALECT

__all__ = ["DIALECT"]
