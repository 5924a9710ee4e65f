"""Calls to several replicas, as a load balancer hands them out: to those that say that they are ready."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator

from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Transcript, make
from tests.support.gateway import GatewayProcess
from tests.support.replicas import KEY

AWAY = 0.1
"""Seconds between two looks at a replica."""
_BUSY = b"The gateway has more to do than it can"


class Balancer:
    """Sends so many calls a second to whoever was ready when it looked last, in turns. `made` says who got each, and what became of it."""

    def __init__(self, gateways: list[GatewayProcess], rate: float) -> None:
        self.made: list[tuple[GatewayProcess, Transcript]] = []
        self._rate = rate
        self._gateways = gateways
        self._ready = list(gateways)
        self._ended = asyncio.Event()

    async def run(self) -> None:
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        numbers, clients = itertools.count(), itertools.cycle(CLIENTS[:2])
        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(self._look(gateway)) for gateway in self._gateways]
            while not self._ended.is_set():
                number = next(numbers)
                await asyncio.sleep(max(0.0, began + number / self._rate - loop.time()))
                call = Call(FIRST_NUMBER + number, next(clients), script={"n": 10, "gap_ms": 20}, stream=number % 2 == 0)
                tasks.create_task(self._call(self._ready[number % len(self._ready)], call))
            for look in looks:
                look.cancel()

    async def _call(self, gateway: GatewayProcess, call: Call) -> None:
        self.made.append((gateway, await make(gateway.port, KEY, call)))

    async def _look(self, gateway: GatewayProcess) -> None:
        while True:
            is_ready = await asyncio.to_thread(gateway.readiness) == 200
            if is_ready != (gateway in self._ready):
                left = [other for other in self._ready if other is not gateway]
                self._ready = [*left, gateway] if is_ready else left or self._ready
            await asyncio.sleep(AWAY)

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncGenerator[None]:
        work = asyncio.create_task(self.run())
        try:
            yield
        finally:
            self._ended.set()
            await work


def is_well(transcript: Transcript) -> bool:
    return transcript.status == 200 and transcript.answer is not None and transcript.answer.error is None


def is_busy(transcript: Transcript) -> bool:
    """On a machine that has too much to do a gateway says so, and when to come back."""
    return _BUSY in transcript.body
