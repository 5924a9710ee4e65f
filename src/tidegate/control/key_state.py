"""What a key of the database is at a moment. The store finds keys by the same rules (`adapters.sql.keys`)."""

from tidegate.records import ApiKey, KeyState


def state_of(row: ApiKey, now: int) -> KeyState:
    """`now` in microseconds. Of several, the one that is hardest to undo."""
    if row.revoked_at is not None:
        return "revoked"
    if row.disabled_at is not None:
        return "disabled"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    return "replaced" if row.overlap_until is not None and row.overlap_until <= now else "active"
