"""Tidegate: one endpoint that speaks OpenAI's and Anthropic's APIs in front of every model provider."""

__version__ = "0.1.0"
