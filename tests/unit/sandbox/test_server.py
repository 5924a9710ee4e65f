import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.sandbox.raw import ask_openai

from tidegate.sandbox.app import create_app
from tidegate.sandbox.server import Running, running, serve


async def test_serve_in_a_process_of_its_own(tmp_path: Path) -> None:
    log = str(tmp_path / "t.jsonl")
    code = f"from pathlib import Path; from tidegate.sandbox.server import serve; serve(port=0, truth_log=Path({log!r}), seed=4)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("tidegate sandbox listens on http://127.0.0.1:")
        there = Running(create_app(), "127.0.0.1", int(line.rpartition(":")[2]))
        assert (await ask_openai(there, {"n": 3})).status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 1


def test_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            serve(port=taken.getsockname()[1])


async def test_open_streams_are_cut_at_the_end() -> None:
    with running() as sandbox:
        asking = asyncio.create_task(ask_openai(sandbox, {"n": 100_000, "gap_ms": 50}, stream=True))
        await asyncio.sleep(0.1)
    raw = await asyncio.wait_for(asking, 10)
    assert raw.ended in {"short", "reset"}
