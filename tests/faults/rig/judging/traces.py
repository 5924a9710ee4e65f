"""What a gateway leaves behind when it has ended: I10 no secret in its log, its home and the provider's account, I11 a log that its calls
bound, and no task that was lost."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.support.secrets import leaks, sinks_of

PER_CALL = 200
"""Bytes of log."""
PER_START = 2 << 10
ROOM = 16 << 10
"""Bytes of log that a fault may cost besides, however many calls met it."""
_START = re.compile(r"^Tidegate serves on ", re.MULTILINE)
_SHOWN_ONCE = re.compile(r"^    (tgk_adm_\w+|curl \S+ -H 'Authorization: Bearer tgk_adm_\w+')$", re.MULTILINE)
"""Where a first start shows its admin key, to be noted."""
_LOST = ("Traceback (most recent call last)", "was never retrieved", "was destroyed but it is pending", "was never awaited")


def secrets_left(home: Path, log: str, truth: bytes, secrets: Mapping[str, str]) -> list[str]:
    """`secrets` by what they are."""
    sinks = {"the log": _SHOWN_ONCE.sub("", log).encode(), "the provider's account": truth, **sinks_of(home)}
    shown = {f"the admin key {key[:12]}": key for key in set(re.findall(r"^    (tgk_adm_\w+)$", log, re.MULTILINE))}
    return [f"I10: {what} is in {name}" for what, secret in {**secrets, **shown}.items() for _, name in leaks([secret], sinks)]


def log_bounded(log: str, calls: int) -> list[str]:
    size, most = len(log.encode()), ROOM + PER_START * len(_START.findall(log)) + PER_CALL * calls
    long = [f"I11: {size} bytes of log for {calls} calls, {most} may be; its end: {log[-500:]}"] if size > most else []
    return [*long, *(f"I11: the log says {word!r}: {log[max(0, log.index(word) - 200) :][:1000]}" for word in _LOST if word in log)]
