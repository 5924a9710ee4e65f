"""The format of a gateway key, as pure functions: how one is written, how its checksum is verified, and how it is digested for storage.

The layout is GitHub's (https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/): a prefix, `_`,
random text and six characters of CRC-32 over everything before them. The checksum lets typing errors die before any look-up; it protects
nothing else. Randomness and files live in `adapters.keystore`; `identify` decides with these functions who calls.
"""

import hashlib
import hmac
import re
import zlib
from typing import Literal

import msgspec

from tidegate.policy.snapshot import Key

KeyEnv = Literal["live", "test"]
TokenEnv = Literal["live", "test", "svc", "adm"]
"""`svc` is a program's key, `adm` one of the control API."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "tgk_"
ID_LENGTH = 12
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
MIN_FOREIGN_LENGTH = 20
"""Shortest configured key that is not in our own format, in characters: what can be guessed must not open the gateway."""
MAX_FOREIGN_LENGTH = 512
MIN_DISTINCT = 8
"""Different characters in one."""

PATTERN = r"\btgk_(live|test|svc|adm)_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\b"
"""For secret scanners."""

_TOKEN = re.compile(r"tgk_(?:live|test|svc|adm)_([0-9A-Za-z]{12})_[0-9A-Za-z]{49}")


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept: never the token, only its digest. `created` and `revoked` are Unix seconds."""

    id: str
    name: str
    env: KeyEnv
    digest: bytes
    models: tuple[str, ...] = ()
    created: int = 0
    revoked: int | None = None

    def key(self) -> Key:
        return Key(id=self.id, name=self.name, digest=self.digest, models=self.models)


class StoredKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the key store holds; `pepper` is the secret of all digests."""

    pepper: bytes
    keys: tuple[StoredKey, ...] = ()


def checksum(text: str) -> str:
    """CRC-32 of `text` (ASCII) in base 62, padded to six characters."""
    number = zlib.crc32(text.encode())
    digits: list[str] = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    digits.reverse()
    return "".join(digits)


def format_token(env: TokenEnv, id12: str, secret43: str) -> str:
    """The whole token; both parts are base 62 and of their fixed lengths."""
    if len(id12) != ID_LENGTH or len(secret43) != SECRET_LENGTH:
        raise ValueError("an id has 12 characters and a secret 43")
    text = f"{PREFIX}{env}_{id12}_{secret43}"
    return text + checksum(text)


def token_id(token: str) -> str | None:
    """The public id of a token in our format whose checksum is right, else None."""
    found = _TOKEN.fullmatch(token)
    if found is None or checksum(token[:-CHECKSUM_LENGTH]) != token[-CHECKSUM_LENGTH:]:
        return None
    return found.group(1)


def token_digest(pepper: bytes, token: str) -> bytes:
    """HMAC-SHA-256 of the whole token."""
    return hmac.digest(pepper, token.encode(), "sha256")


def foreign_digests(pepper: bytes, token: str) -> tuple[bytes, bytes]:
    """What an imported key may be kept as: the digest of the key, or of the SHA-256 that the gateway which made it had kept."""
    return token_digest(pepper, token), digest_of_hash(pepper, hashlib.sha256(token.encode()).hexdigest())


def digest_of_hash(pepper: bytes, sha256: str) -> bytes:
    """What is kept of a key whose SHA-256 (in hexadecimal) is all that is known."""
    return hmac.digest(pepper, b"sha256:" + sha256.lower().encode(), "sha256")


def flaw_of_foreign(value: str) -> str | None:
    """Why a key of another gateway cannot be taken over, in words that do not repeat it; None if it can."""
    if value.startswith(PREFIX):
        return f"it begins with `{PREFIX}`, as this gateway's own do: those are made here"
    if not MIN_FOREIGN_LENGTH <= len(value) <= MAX_FOREIGN_LENGTH or len(set(value)) < MIN_DISTINCT:
        size = f"{MIN_FOREIGN_LENGTH} to {MAX_FOREIGN_LENGTH} characters"
        return f"it can be guessed: it has {size}, at least {MIN_DISTINCT} different ones"
    if re.fullmatch(r"[\x21-\x7e]+", value) is None:
        return "it has printable ASCII characters without spaces, else no header carries it"
    return None


def flaw_of_hash(text: str) -> str | None:
    """Why a text is no SHA-256 of a key; None if it is."""
    return None if re.fullmatch(r"[0-9a-fA-F]{64}", text) else "a SHA-256 has 64 hexadecimal digits"


def flaw(token: str) -> str | None:
    """Why a token cannot be one of ours, in words that never repeat it; None if its form is right."""
    if token_id(token) is not None:
        return None
    if not token.startswith(PREFIX):
        return f"it does not begin with `{PREFIX}`"
    length = len("tgk_live_") + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
    if len(token) != length:
        return f"it has {len(token)} characters where `tgk_live_…` has {length}"
    if _TOKEN.fullmatch(token) is None:
        return "its form is not `tgk_<env>_<id>_<secret>`"
    return "its checksum does not fit, so a character is wrong"
