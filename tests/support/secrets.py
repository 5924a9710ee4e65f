"""Looking for secrets where they must not be, in the ways in which somebody could have written them down."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

_NOTHING = bytes(1 << 20)


def forms(secret: str) -> list[bytes]:
    raw = secret.encode()
    return [raw, base64.b64encode(raw).rstrip(b"="), quote(secret, safe="").encode(), raw.hex().encode()]


def leaks(secrets: Iterable[str], sinks: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """(beginning of a secret, name of a sink that holds it)."""
    return [
        (secret[:12], name)
        for secret in secrets
        for name, data in sinks.items()
        if any(form in data for form in dict.fromkeys(forms(secret)))
    ]


def sinks_of(home: Path) -> dict[str, bytes]:
    """All files of a gateway's home but the pepper's own."""
    return {str(path): _content(path) for path in home.rglob("*") if path.is_file() and path.name != "pepper"}


def _content(path: Path) -> bytes:
    """Without the room that a file has in reserve, which is most of the spool."""
    with path.open("rb", buffering=0) as file:
        return b"".join(piece for piece in iter(lambda: file.read(len(_NOTHING)), b"") if piece != _NOTHING[: len(piece)])
