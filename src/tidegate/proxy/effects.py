"""Whether a call does something at its provider that may not happen twice: it keeps a response, works in the background, or has tools that
the provider runs itself. Asked only once an attempt has failed.
"""

import msgspec

from tidegate.proxy.call import Call

CLIENTS_OWN = frozenset({"function", "custom", "local_shell", "shell", "apply_patch", "computer", "computer_use_preview"})
CLIENTS_OWN_DATED = ("bash_", "text_editor_", "computer_", "memory_")
"""Anthropic's tools that the client runs, with their dates (`bash_20250124`)."""
_TRUE = b"true"
_BY_FIELD = ("mcp_servers", "web_search_options")
_GEMINI_FUNCTIONS = {"functionDeclarations", "function_declarations"}
_TOOLS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_WORD = msgspec.json.Decoder(str)


def has_effects(call: Call) -> bool:
    """By the request as the client sent it; what cannot be read has none."""
    if call.acts:
        return True
    fields = call.fields
    if fields.get("store") == _TRUE or fields.get("background") == _TRUE or any(name in fields.spans for name in _BY_FIELD):
        return True
    raw = fields.get("tools")
    if raw is None:
        return False
    try:
        tools = _TOOLS.decode(raw)
        if call.dialect.name == "gemini":
            return any(not tool.keys() <= _GEMINI_FUNCTIONS for tool in tools)
        return any(not _is_clients(_WORD.decode(tool["type"])) for tool in tools if "type" in tool)
    except msgspec.MsgspecError:
        return False


def _is_clients(kind: str) -> bool:
    return kind in CLIENTS_OWN or kind.startswith(CLIENTS_OWN_DATED)
