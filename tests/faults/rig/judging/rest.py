"""What a gateway holds when its calls have ended: I5 no reservation, I11 no connection, file, thread or task more than it began with. By
its metrics, by what the kernel says of its process, and by the database of its home."""

import contextlib
import re
import sqlite3
import time
from pathlib import Path

import msgspec
from tests.support.gateway import GatewayProcess

from tidegate.adapters.sql.schema import limit_window

WITHIN = 10.0
"""Seconds in which a gateway comes to rest."""
ROOM = 48
"""Files, threads or tasks that a gateway may have more than at its start: its database is opened beside its first calls."""
_OPEN = ("tidegate_in_flight", "tidegate_spool_open_attempts", "tidegate_queue_length", "tidegate_drains_open")
_ESTABLISHED, _CLOSE_WAIT = "01", "08"
"""States of /proc/net/tcp."""


class Look(msgspec.Struct, frozen=True):
    """`open` are attempts that the metrics say are not over, `clients` connections to its port, `provider` those that it has there."""

    open: dict[str, float]
    files: int
    threads: int
    tasks: int
    clients: int
    provider: int


def look(gateway: GatewayProcess, provider: int) -> Look:
    """`provider` is the port at which it reaches its provider."""
    process = Path(f"/proc/{gateway.pid}")
    # First: who asks for the metrics is a client too, whose end the gateway learns a moment later.
    clients, upstream = connections((process / "net" / "tcp").read_text(), gateway.port, provider)
    page = gateway.metrics().decode()
    return Look(
        {name: value for name in _OPEN if (value := figure(page, name))},
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
        int(figure(page, "tidegate_tasks")),
        clients,
        upstream,
    )


def figure(page: str, name: str) -> float:
    """The sum of a family's samples."""
    return sum(float(found) for found in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE))


def unrested(before: Look, now: Look) -> list[str]:
    """Connections to the provider may be kept for the next calls."""
    flaws = [f"I5: {name} is {value:g}" for name, value in now.open.items()]
    if now.clients:
        flaws.append(f"I11: {now.clients} connections of clients that have gone are open")
    kinds = {
        "files": (before.files, now.files - now.provider),
        "threads": (before.threads, now.threads),
        "tasks": (before.tasks, now.tasks),
    }
    return flaws + [f"I11: {held} {kind}, {had} at its start" for kind, (had, held) in kinds.items() if held > had + ROOM]


def at_rest(gateway: GatewayProcess, provider: int, before: Look, within: float = WITHIN) -> list[str]:
    """What still is not so after so many seconds."""
    until = time.monotonic() + within
    while (flaws := unrested(before, look(gateway, provider))) and time.monotonic() < until:
        time.sleep(0.05)
    return flaws


def reserved(home: Path) -> list[str]:
    """Of a gateway that has ended in good order."""
    file = home / "tidegate.db"
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        found = database.execute(f"SELECT key, held FROM {limit_window.name} WHERE held <> 0").fetchall()
    return [f"I5: {held} are reserved of {key} after its end" for key, held in found]


def connections(table: str, port: int, provider: int) -> tuple[int, int]:
    """(those that came to `port`, those that lead to `provider`) of /proc/net/tcp."""
    fields = [line.split() for line in table.splitlines()[1:]]
    held = [(int(one[1][-4:], 16), int(one[2][-4:], 16)) for one in fields if one[3] in (_ESTABLISHED, _CLOSE_WAIT)]
    return sum(own == port for own, _ in held), sum(other == provider for _, other in held)
