"""Processes: started on one core, measured as a whole tree from `/proc`, stopped by their own id. Linux only.

Nothing is ever ended by name.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Running:
    """A process that the benchmark started, the leader of its own session, and where its output goes."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def last_words(self) -> str:
        return self.log.read_text("utf-8", "replace")[-2000:]

    def stop(self) -> None:
        """Asks the tree to end, waits five seconds, then insists."""
        pids = tree(self.pid)
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        for pid in pids:
            if pid != self.pid and _session(pid) == self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        if self.process.stdin is not None:
            self.process.stdin.close()


def start(command: Sequence[str], *, core: int, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Running:
    """Starts `command` pinned to `core`; standard input is a pipe that closes with us, so that what reads it ends with us."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Compiled modules are kept, as they are on a user's machine.
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(env or {}),
            cwd=cwd,
            start_new_session=True,
        )
    return Running(process, log)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody has at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def wait_for_port(port: int, running: Running, seconds: float) -> None:
    """Until something listens. Raises `RuntimeError` with the process's last words where it ended or took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and running.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.005)
    raise RuntimeError(f"nothing listens on port {port}: {running.last_words()}")


def tree(root: int) -> list[int]:
    """`root` and everything that descends from it."""
    parents = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    children: dict[int, list[int]] = {}
    for pid, stat in parents.items():
        if stat:
            children.setdefault(int(stat[1]), []).append(pid)
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree, ended and waited-for children included. Resolution: one clock tick (10 ms) for each process."""
    return sum(sum(map(int, stat[11:15])) for pid in tree(root) if (stat := _stat(pid))) / _TICK


def settled(running: Running, seconds: float) -> bool:
    """Waits until the tree has used next to nothing for a second; False where it has not within `seconds`."""
    until = time.monotonic() + seconds
    quiet, before = 0, cpu_seconds(running.pid)
    while quiet < 4 and time.monotonic() < until:
        time.sleep(0.25)
        now = cpu_seconds(running.pid)
        quiet = quiet + 1 if now - before < 3 / _TICK else 0
        before = now
    return quiet >= 4


def memory_mb(root: int) -> float:
    """Resident memory of the tree in MB (10^6 bytes); pages that several processes share count once for each."""
    return sum(int(stat[21]) for pid in tree(root) if (stat := _stat(pid))) * _PAGE / 1e6


def machine_cpu_seconds() -> float:
    """What all cores of the machine have spent on anything, since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = fields[3], fields[4]
    return (sum(fields) - idle - waiting) / _TICK


def _session(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[3]) if stat else None


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name, or nothing where the process is gone: state, ppid, pgrp, session, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
