"""T-SP-2 and T-SP-4: the disk of the spool runs full while answers stream, and drainers are killed while they post to a real ledger.

What the spool does where a call to the disk fails, in which order it writes and syncs, and that a torn end is repaired (T-SP-1, T-SP-3,
T-SP-5) is in tests/unit/adapters/spool and tests/unit/proxy/test_usage_order.py, with files that fail when they are told to.
"""

import asyncio
import contextlib
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Transcript, make
from tests.faults.rig.judging.heard import recovered
from tests.faults.rig.sizes import sizes
from tests.faults.rig.stage import Stage, staged
from tests.faults.rig.starved import Starved
from tests.faults.rig.storm import COST
from tests.support.waiting import soon

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-SP-2")
ROOT = Path(__file__).parents[2]
DISK = "100m"
"""Room for a segment and the reserve, and a little more."""
SMALL_DISK = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'mount -t tmpfs -o size={DISK} none "$0" && exec "$@"')


@pytest.mark.programme("T-SP-4")
def test_a_drainer_that_is_killed_again_and_again_posts_each_event_once(tmp_path: Path, record_property: Record) -> None:
    events, kills = sizes().spooled, sizes().drainer_kills
    command = [sys.executable, "-m", "tests.faults.rig.storm", str(tmp_path), str(events), str(kills)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    record_property(
        "verdict",
        f"a drainer of {events} events that is killed {found['kills']} times: {found['rows']} rows, each once; the three rollups are their "
        f"sums in {found['groups']} groups",
    )
    assert (found["kills"], found["rows"], found["nano"]) == (kills, events, events * COST)
    assert found["rollups"] == [[events, events * COST]] * 3


def may_mount(folder: Path) -> bool:
    """Whether this machine lets its users have small disks of their own (user and mount namespaces)."""
    try:
        return subprocess.run([*SMALL_DISK, str(folder), "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


async def slowest_look(stage: Stage, until: float = math.inf) -> tuple[float, float]:
    """When the slowest look at the gateway's health began, and its seconds, until then or until it is cancelled: its loop was held up for
    no longer."""
    slowest = (0.0, 0.0)
    with contextlib.suppress(asyncio.CancelledError):
        while time.monotonic() < until:
            began = time.monotonic()
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
            try:
                writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                await reader.read()
            finally:
                writer.transport.abort()
            slowest = max(slowest, (began, time.monotonic() - began), key=lambda look: look[1])
            await asyncio.sleep(0.02)
    return slowest


async def test_on_a_full_disk_what_runs_is_settled_and_new_calls_are_refused(tmp_path: Path, record_property: Record) -> None:
    spool = tmp_path / "gateway" / "home" / "spool"
    spool.mkdir(parents=True, mode=0o700)
    if not may_mount(spool):
        pytest.skip("no namespaces here; tests/unit/adapters/spool/test_writer.py has the same with a disk that only says that it is full")
    numbers, clients, made = itertools.count(FIRST_NUMBER), itertools.cycle(CLIENTS), list[Transcript]()
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(staged(tmp_path, around=(*SMALL_DISK, str(spool))))
        gateway = stage.gateway

        async def one(**script: object) -> int | None:
            made.append(await make(gateway.port, gateway.key, Call(next(numbers), script=script, stream=False)))
            return made[-1].status

        async def until_answered(status: int) -> float:
            began = time.monotonic()
            while await one(n=1) != status:
                assert time.monotonic() - began < 20, gateway.log()[-2000:]
            return time.monotonic() - began

        await until_answered(200)
        calls = [Call(next(numbers), next(clients), script={"n": 60, "gap_ms": 50}) for _ in range(sizes().streams // 4)]
        running = asyncio.gather(*(make(gateway.port, gateway.key, call) for call in calls))
        await soon(lambda: stage.sandbox.app.stats.open >= len(calls))
        _, usual = await slowest_look(stage, time.monotonic() + 0.5)
        starved = stack.enter_context(Starved(gateway.pid))
        looks = asyncio.create_task(slowest_look(stage))
        filler = Path(f"/proc/{gateway.pid}/root{spool}/filler")
        await asyncio.to_thread(fill, filler)
        refused = await until_answered(503)
        transcripts = await running
        assert await one(n=1) == 503
        await asyncio.to_thread(filler.unlink)
        freed = time.monotonic()
        back = await until_answered(200)
        looks.cancel()
        began, slowest = await looks
        waits = starved.within(began, began + slowest)
        verdict = await asyncio.to_thread(stage.judged, transcripts)
        record_property(
            "verdict",
            f"a disk that runs full under {len(calls)} streams: {verdict}; new calls are refused "
            f"after {refused:.1f} s and taken {back:.1f} s after there is room; a look at its health took "
            f"{slowest * 1000:.0f} ms at most, in which gateway and rig got no CPU for {waits[0] * 1000:.0f} and {waits[1] * 1000:.0f} ms",
        )
        assert not verdict.breaches
        assert verdict.figures["answered"] == len(calls)
        assert not recovered(made, freed, within=5)
        # On a machine with nothing else to do it is 100 ms; whoever waited for the disk would wait for as long as it is full.
        assert slowest < max(0.1, usual) + 1.0


def fill(file: Path) -> None:
    """Takes all room that there is."""
    with file.open("wb", 0) as out:
        try:
            while True:
                out.write(bytes(1 << 16))
        except OSError:
            return
