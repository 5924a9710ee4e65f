"""Real PostgreSQL and Redis for the tests: Debian's programs, started once for a run of pytest and all its workers, as a user without
rights, on loopback or a socket, with throw-away data. Debian's own services are not touched.

The first worker that asks starts a server and notes it in a file beside the run's temporary folders; the last one that leaves stops it.
Packages that are missing are installed where that is possible, else the test is skipped and says how to.
"""

import fcntl
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSWORD = "only-for-tests"
READY_SECONDS = 30.0


def program(name: str, package: str) -> str:
    """The path of a program of a Debian package, which is installed if it is missing and we may. Skips the test otherwise."""
    for _ in range(2):
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
        found = shutil.which(name) or (str(versions[0]) if versions else None)
        if found:
            real = Path(found).resolve()
            return str(real) if real.name == name else found  # Debian's redis-server is one of several names of a program
        done = subprocess.run(["sh", "scripts/debian.sh", package], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            break
    pytest.skip(f"{name} is not installed; `sudo apt-get install -y {package}` gives it, and this test needs it")


@contextmanager
def shared(folder: Path, name: str, start: Callable[[], tuple[dict[str, str], int, str]]) -> Generator[dict[str, str]]:
    """What `start` gives as (facts, pid of the server, its folder), started once for all processes that share `folder`."""
    # Not in `folder` itself: pytest removes the temporary folders of older runs, and another run may think that ours is one.
    place = Path(tempfile.gettempdir(), f"tidegate-{name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}")
    place.mkdir(exist_ok=True)
    note = place / "note.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(note.read_text()) if note.exists() else None
        if known is None:
            facts, pid, home = start()
            known = {"facts": facts, "pid": pid, "home": home, "users": []}
        known["users"].append(os.getpid())
        note.write_text(json.dumps(known))
        fcntl.flock(lock, fcntl.LOCK_UN)
        try:
            yield known["facts"]
        finally:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(note.read_text())
            known["users"].remove(os.getpid())  # once: another fixture of this process may still use the server
            known["users"] = [pid for pid in known["users"] if Path(f"/proc/{pid}").exists()]
            note.write_text(json.dumps(known))
            if not known["users"]:
                shutil.rmtree(place)
                end(known["pid"], known["home"])


def postgres() -> tuple[dict[str, str], int, str]:
    """Facts: `admin` and `app` (user and password of a superuser and of a role that row-level security binds), `host`, `port`."""
    initdb, server = program("initdb", "postgresql"), program("postgres", "postgresql")
    home = tempfile.mkdtemp(prefix="tidegate-pg-")
    user = _unprivileged(home)
    secret = Path(home, "password")
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data = f"{home}/data"
    command = [initdb, "-D", data, "-U", "admin", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(command, user=user, check=True, capture_output=True, cwd=home)
    port = _free_port()
    fast = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200", "shared_buffers=64MB")
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={home}", *fast]
    arguments = [item for option in options for item in ("-c", option)]
    pid = _start([server, "-D", data, *arguments], home, user, lambda: "ready" in _text(Path(data, "postmaster.pid")))
    return {"host": "127.0.0.1", "port": str(port), "user": "admin", "password": PASSWORD}, pid, home


def redis() -> tuple[dict[str, str], int, str]:
    """Facts: `url` of a unix socket."""
    server = program("redis-server", "redis-server")
    home = tempfile.mkdtemp(prefix="tidegate-redis-")
    user = _unprivileged(home)
    path = f"{home}/redis.sock"
    command = [server, "--port", "0", "--unixsocket", path, "--unixsocketperm", "777", "--save", "", "--appendonly", "no", "--dir", home]
    pid = _start([*command, "--maxmemory-policy", "noeviction"], home, user, lambda: Path(path).is_socket())
    return {"url": f"unix://{path}"}, pid, home


def _unprivileged(home: str) -> str | None:
    """PostgreSQL does not start as root: then the folder is given to a user without rights, whose name this is."""
    if os.getuid() != 0:
        return None
    user = pwd.getpwnam("nobody")
    os.chown(home, user.pw_uid, user.pw_gid)
    Path(home).chmod(0o755)
    return user.pw_name


def _start(command: list[str], home: str, user: str | None, ready: Callable[[], bool]) -> int:
    log = Path(home, "log")
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, user=user, cwd=home, start_new_session=True)
    end = time.monotonic() + READY_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
    process.returncode = 0  # it outlives this object, and `end` ends it
    return process.pid


def end(pid: int, home: str) -> None:
    """SIGINT ends PostgreSQL at once, with its data in order, and Redis as well. Their data goes too."""
    late = time.monotonic() + READY_SECONDS
    sent = signal.SIGINT
    while _runs(pid):
        try:
            os.kill(pid, sent)
            os.waitpid(pid, os.WNOHANG)
        except (ProcessLookupError, ChildProcessError):
            pass  # another worker started it: it is not our child
        if time.monotonic() > late:
            sent = signal.SIGKILL
        time.sleep(0.05)
    shutil.rmtree(home, ignore_errors=True)


def _runs(pid: int) -> bool:
    """A process that has ended and was not waited for does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
