"""Several processes that serve on one port: starts them, starts those again that die, and passes on the signals that end them. What a
process does is `serve`'s; when one is to be started, and what its end means, is `roster`'s.

A worker is a fork, so that what was loaded is in memory once. This process itself runs no loop and no thread, and takes no calls.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from typing import NoReturn, Protocol

import msgspec

from tidegate.adapters.server_http import ending_signals
from tidegate.app.roster import Roster
from tidegate.control.settings import Settings
from tidegate.logs import Log

_LOOK = 0.05
"""Seconds between two looks at whether the first worker serves."""
_LONGEST_LOOK = 60.0

_LOG = Log("tidegate.workers")


class Lifeline(msgspec.Struct, frozen=True):
    """A worker's connection to who started it. `greets` says that it prints what a start prints; `admin` is the control API's listener."""

    sock: socket.socket
    admin: socket.socket | None
    greets: bool

    def serves(self) -> None:
        """Tells that calls are taken, and ends this process as a signal does when the other one has died. Needs the running loop."""
        with contextlib.suppress(OSError):
            self.sock.send(b"1")
        asyncio.get_running_loop().add_reader(self.sock, self._alone)

    def _alone(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        signal.raise_signal(signal.SIGTERM)


class Run(Protocol):
    def __call__(self, settings: Settings, line: Lifeline) -> int:
        """Serves until a signal ends it; the exit code."""
        ...


def supervise(settings: Settings, admin: socket.socket, run: Run) -> int:
    """Until a signal ends it and every worker has ended. The exit code is 0 where all of them ended well. The control API is worker 1's:
    its listener stays while that one is started again."""
    signals = frozenset((*ending_signals(), signal.SIGCHLD))
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    return _Supervisor(settings, admin, run, signals).run()


class _Supervisor:
    def __init__(self, settings: Settings, admin: socket.socket, run: Run, signals: frozenset[signal.Signals]) -> None:
        self._settings = settings
        self._admin = admin
        self._run = run
        self._signals = signals
        self._roster = Roster(settings.workers, time.monotonic())
        self._lines: dict[int, socket.socket] = {}

    def run(self) -> int:
        roster = self._roster
        while not roster.is_over:
            for number in roster.due(time.monotonic()):
                self._start(number)
            found = signal.sigtimedwait(self._signals, self._wait())
            if found is not None and found.si_signo != signal.SIGCHLD:
                self._stop(found.si_signo)
            if not roster.is_open and self._first_serves():
                roster.first_serves(time.monotonic())
            self._reap()
        return roster.code

    def _wait(self) -> float:
        at = self._roster.next()
        longest = _LONGEST_LOOK if self._roster.is_open else _LOOK
        return longest if at is None else min(longest, max(0.0, at - time.monotonic()))

    def _start(self, number: int) -> None:
        ours, its = socket.socketpair()
        greets = number == 1 and self._roster.is_new(number)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            ours.close()
            self._become(number, Lifeline(its, self._admin if number == 1 else None, greets))
        its.close()
        ours.setblocking(False)
        self._lines[pid] = ours
        self._roster.began(number, pid, time.monotonic())

    def _become(self, number: int, line: Lifeline) -> NoReturn:
        """What the new process does. A group of its own, because a terminal tells the whole group of Ctrl-C."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)
            for other in self._lines.values():
                other.close()
            if line.admin is None:
                self._admin.close()
            code = self._run(msgspec.structs.replace(self._settings, worker=number, share_port=True), line)
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _first_serves(self) -> bool:
        for line in self._lines.values():
            with contextlib.suppress(BlockingIOError):
                if line.recv(1):
                    return True
        return False

    def _stop(self, number: int) -> None:
        """Every time that it comes: a worker ends sooner at the second one."""
        self._roster.stop()
        for pid in self._roster.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            line = self._lines.pop(pid, None)
            if line is not None:
                line.close()
            code = os.waitstatus_to_exitcode(status)
            fate = self._roster.ended(pid, code, time.monotonic())
            if fate == "again":
                _LOG.error("a worker has ended; it is started again", pid=pid, code=code)
            elif fate == "hopeless":
                self._stop(signal.SIGTERM)
