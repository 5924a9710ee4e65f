"""Subjects whose names callers choose, where their counters are shared by processes: so many counters for each limit and no more.

Two names that fall on the same counter share what the limit allows, so that inventing names never gives anybody more.
"""

import hashlib

import msgspec

from tidegate.policy.limits.rules import Charge

COUNTERS = 65_536
"""For each limit (and window)."""


def crowd(subject: str) -> str:
    """The shared subject that a name falls on. No caller's own name begins with `#`: they begin with their organisation."""
    return f"#{int.from_bytes(hashlib.blake2b(subject.encode('utf-8', 'replace'), digest_size=2).digest()):04x}"


def crowded(charge: Charge) -> Charge:
    """The charge on the counter that its subject shares."""
    subject = crowd(charge.subject)
    return msgspec.structs.replace(charge, subject=subject, key=f"{charge.limit.id}|{subject}", open=False)
