import fcntl
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import msgspec
from bench.load import Result
from tests.support.waiting import until

TELLS = """
from bench.load import Result, tell

tell(Result(requests=1, events=0, errors=0, seconds=1, cpu=1, load_core=0, foreign=0, latencies=[0.123456789] * 50_000))
"""


def waiting(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_long_result_is_whole_though_a_signal_comes_while_it_is_printed() -> None:
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-c", TELLS], stdout=subprocess.PIPE, env=environ, cwd=Path(__file__).parents[3]) as child:
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        until(lambda: waiting(pipe) >= fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ))
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        child.send_signal(signal.SIGCONT)
        told = child.stdout.read()
    assert len(msgspec.json.decode(told, type=Result).latencies) == 50_000
