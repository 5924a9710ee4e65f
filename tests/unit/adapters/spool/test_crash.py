"""Processes that end by `kill -9`, for real: nothing that was acknowledged is lost, nothing is there twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SMALL_DISK = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=4m none "$0" && exec "$@"')


def crash(mode: str, folder: Path, seed: int, *around: str) -> dict[str, object]:
    command = [*around, sys.executable, "-m", "tests.unit.adapters.spool.crashing", mode, str(folder / "spool"), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_between_thousands_of_emits_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    found = crash("emits", tmp_path, seed)
    assert isinstance(found["settled"], int)
    assert found["settled"] > 3000
    assert (found["lost"], found["hidden"], found["both"], found["posted_again"]) == ([], [], 0, 0)


def may_mount(folder: Path) -> bool:
    """Whether this machine lets its users have small disks of their own (user and mount namespaces)."""
    try:
        return subprocess.run([*SMALL_DISK, str(folder), "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def test_on_a_full_disk_what_runs_is_settled_and_new_work_waits(tmp_path: Path) -> None:
    if not may_mount(tmp_path):
        pytest.skip("no namespaces here; test_writer.py has the same with a disk that only says that it is full")
    found = crash("full", tmp_path, 4, *SMALL_DISK, str(tmp_path))
    assert (found["refused"], found["rows"], found["failures"]) == (True, 2000, 0)
