"""How many tokens a request has, where no provider counts them: its text by the vocabulary nearest to the model's, and published
figures for what is no text."""

import msgspec

from tidegate.ir.content import Audio, Block, Document, Image, Native, Refusal, Text, TextSource, Thinking, ToolResult, ToolUse
from tidegate.ir.request import NativeTool, Request, Tool
from tidegate.ports import TokenCounter

IMAGE_TOKENS = 1600
"""Anthropic's documented upper bound for one image at its largest useful size."""
PAGE_TOKENS = 2000
"""Anthropic's documented 1,500 to 3,000 tokens per PDF page; a document counts as one page for every 100 kB."""
MESSAGE_TOKENS = 4
"""Role and separators of one message in the chat formats that are published."""


def estimate(request: Request, counter: TokenCounter, model: str) -> int:
    """Tokens of a request by the model's vocabulary where we have it, else by a near one."""
    texts: list[str] = []
    fixed = MESSAGE_TOKENS * len(request.messages)
    for message in request.messages:
        for block in message.blocks:
            fixed += _gather(block, texts)
    for tool in request.tools:
        match tool:
            case Tool():
                texts += [tool.name, tool.description or "", msgspec.json.encode(tool.schema).decode()]
            case NativeTool(raw=raw):
                texts.append(msgspec.json.encode(raw).decode())
            case _:
                fixed += 100
    return fixed + counter.count("\n".join(texts), model)


def _gather(block: Block, texts: list[str]) -> int:
    """Adds the block's text and gives the tokens of what is no text."""
    match block:
        case Text(text=text) | Refusal(text=text) | Thinking(text=text):
            texts.append(text)
            return 0
        case ToolUse():
            texts += [block.name, block.arguments]
            return 0
        case ToolResult():
            return sum(_gather(inner, texts) for inner in block.blocks)
        case Native(raw=raw):
            texts.append(msgspec.json.encode(raw).decode())
            return 0
        case Image():
            return IMAGE_TOKENS
        case Document(source=TextSource(text=text)):
            texts.append(text)
            return 0
        case Document():
            return PAGE_TOKENS * (1 + len(getattr(block.source, "data", "")) // 133_000)
        case Audio():
            return len(block.data) // 1000
