"""What a key of the database is at a moment, and what takes its place. The store finds keys by the same rules (`adapters.sql.keys`)."""

import msgspec

from tidegate.policy.keys import format_token, token_digest
from tidegate.records import ApiKey, KeyState


def state_of(row: ApiKey, now: int) -> KeyState:
    """`now` in microseconds. Of several, the one that is hardest to undo."""
    if row.revoked_at is not None:
        return "revoked"
    if row.disabled_at is not None:
        return "disabled"
    if row.overlap_until is not None and row.overlap_until <= now:
        return "replaced"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


def flaw_of_rotation(old: ApiKey, now: int) -> str | None:
    """Why no other key can take its place; None if one can."""
    if old.overlap_until is not None:
        return "This key was rotated before: rotate the one that replaced it."
    state = state_of(old, now)
    if state == "active":
        return None
    return f"This key is {state}: {'enable it first' if state == 'disabled' else 'make a new one'}."


def successor(old: ApiKey, id: str, by: str, now: int) -> ApiKey:
    """A key with everything of the old one, without a digest yet. It lives as long as the old one was made for."""
    return msgspec.structs.replace(
        old,
        env="live" if old.env == "ext" else old.env,
        id=id,
        digest=b"",
        rotated_from=old.id,
        line=old.line or old.id,
        expires_at=None if old.expires_at is None else now + old.expires_at - old.created_at,
        last_used_at=None,
        created_by=by,
        created_at=now,
        updated_at=now,
        revision=1,
    )


def with_token(row: ApiKey, secret: str, pepper: bytes, version: int) -> tuple[ApiKey, str]:
    """The key with the digest of its token, and the token. `version` is the pepper's. Raises `ValueError` for an imported key."""
    if row.env == "ext":
        raise ValueError("an imported key has the token that it came with")
    token = format_token(row.env, row.id, secret)
    return msgspec.structs.replace(row, digest=token_digest(pepper, token), pepper_version=version), token
