"""A provider's quirks, applied to the bytes of a request: on the identity path and after a translation alike.

Only what a quirk names is touched: top-level fields are spliced, and of `messages` only the messages that need it are changed. Applying
quirks twice changes nothing more. Called by `proxy.attempt`.
"""

import hashlib
import re
import string

import msgspec

from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.target import Quirks
from tidegate.wire.splice import Fields, JsonError, scan, splice

_ALPHABET = string.digits + string.ascii_letters
_ALNUM9 = re.compile(r"[0-9A-Za-z]{9}")
_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


def apply_quirks(fields: Fields, quirks: Quirks) -> tuple[bytes, list[Loss]]:
    """The body as the provider takes it, and what it could not carry. `fields` is the scanned body.

    Raises `GatewayError` (BAD_REQUEST) where a message that has to be changed cannot be read.
    """
    there = fields.raw
    losses: list[Loss] = []
    drop = [name for name in quirks.drop if name in there]
    if not quirks.stream_usage and "stream_options" in there:
        drop.append("stream_options")
    rename: dict[str, str] = {}
    for old, new in quirks.rename.items():
        if old in there and new in there:
            drop.append(old)
        elif old in there:
            rename[old] = new
    for name in drop:
        losses.append(Loss("dropped", name, _reason(quirks, name)))
    changed = {name: _ENCODE(value) for name, value in quirks.set_fields.items() if name not in there}
    messages = fields.get("messages")
    if messages is not None and _touches_messages(quirks, messages):
        edited = _messages(messages, quirks, losses)
        if edited is not messages:
            changed["messages"] = edited
    if not (drop or rename or changed):
        return fields.body, losses
    return splice(fields, changed, rename=rename, drop=drop), losses


def _reason(quirks: Quirks, name: str) -> str:
    if name in quirks.rename:
        return f"{quirks.rename[name]} was given too, and the provider knows only that name"
    rule = "stream_usage" if name == "stream_options" and name not in quirks.drop else "drop"
    return "not taken by the provider: " + quirks.reasons.get(rule, "")


def _touches_messages(quirks: Quirks, messages: bytes) -> bool:
    """Whether any message may need a change, by a look at the bytes. A name spelt with escapes is overlooked, and left to the provider."""
    if quirks.system_role != "any" and b'"developer"' in messages:
        return True
    if quirks.tool_id != "any" and b'"tool_call' in messages:
        return True
    return any(b'"' + rule.partition(".")[2].encode() + b'"' in messages for rule in quirks.drop_message)


def _messages(raw: bytes, quirks: Quirks, losses: list[Loss]) -> bytes:
    """`messages` with the messages that need it changed; every other byte, and the value itself where nothing does, stays as it is."""
    try:
        items = _MESSAGES.decode(raw)
    except msgspec.MsgspecError:
        return raw
    pieces: list[bytes] = []
    at = 0
    for index, item in enumerate(items):
        message = bytes(item)
        edited = _message(message, f"messages[{index}]", quirks, losses)
        if edited is message:
            continue
        start = raw.index(message, at)
        pieces += (raw[at:start], edited)
        at = start + len(message)
    if not pieces:
        return raw
    pieces.append(raw[at:])
    return b"".join(pieces)


def _message(raw: bytes, path: str, quirks: Quirks, losses: list[Loss]) -> bytes:
    if not raw.startswith(b"{") or not _touches_messages(quirks, raw):
        return raw
    try:
        fields = scan(raw)
    except JsonError as error:
        raise bad_request(f"`{path}` cannot be read: {error}", path) from None
    role = _text(fields.get("role"))
    changed: dict[str, bytes] = {}
    if quirks.system_role != "any" and role == "developer":
        role = quirks.system_role
        changed["role"] = _ENCODE(role)
        losses.append(Loss("mapped", f"{path}.role", f"developer is said as {role}: " + quirks.reasons.get("system_role", "")))
    if quirks.tool_id == "alnum9":
        changed |= _tool_ids(fields, path, quirks, losses)
    drop: list[str] = []
    for rule in quirks.drop_message:
        who, _, name = rule.partition(".")
        if name in fields.spans and who in ("*", role):
            drop.append(name)
            if fields.get(name) != b"null":
                losses.append(Loss("dropped", f"{path}.{name}", "not taken by the provider: " + quirks.reasons.get("drop_message", "")))
    return splice(fields, changed, drop=drop) if changed or drop else raw


def _tool_ids(fields: Fields, path: str, quirks: Quirks, losses: list[Loss]) -> dict[str, bytes]:
    """The fields of a message whose tool ids have to change, for calls and results alike."""
    changed: dict[str, bytes] = {}
    reason = quirks.reasons.get("tool_id", "")
    result_id = _text(fields.get("tool_call_id"))
    if result_id and alnum9(result_id) != result_id:
        changed["tool_call_id"] = _ENCODE(alnum9(result_id))
        losses.append(Loss("mapped", f"{path}.tool_call_id", reason))
    calls: Json = msgspec.json.decode(fields.get("tool_calls") or b"null")
    edited = False
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        if _rename_call(call):
            edited = True
            losses.append(Loss("mapped", f"{path}.tool_calls[{index}].id", reason))
    if edited:
        changed["tool_calls"] = _ENCODE(calls)
    return changed


def _rename_call(call: Json) -> bool:
    if not isinstance(call, dict):
        return False
    entry: JsonObject = call
    old = entry.get("id")
    if not isinstance(old, str) or not old or alnum9(old) == old:
        return False
    entry["id"] = alnum9(old)
    return True


def alnum9(tool_id: str) -> str:
    """The id in nine letters and digits: itself where it already is that, else made of its hash, the same for a call and its result."""
    if _ALNUM9.fullmatch(tool_id):
        return tool_id
    number = int.from_bytes(hashlib.sha256(tool_id.encode("utf-8", "surrogatepass")).digest()[:8])
    letters: list[str] = []
    for _ in range(9):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def _text(raw: bytes | None) -> str:
    """The text of a JSON string, or nothing where it is none."""
    if raw is None or not raw.startswith(b'"'):
        return ""
    return str(msgspec.json.decode(raw))
