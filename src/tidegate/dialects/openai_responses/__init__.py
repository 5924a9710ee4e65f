"""OpenAI's Responses API, both ways. `DIALECT` is all that the rest of the product uses."""

from tidegate.dialects.openai_responses.dialect import DIALECT

__all__ = ["DIALECT"]
