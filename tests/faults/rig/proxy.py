"""A TCP proxy that does to connections what networks do: latency, stalls, cuts, refusals, other pieces, wrong bytes.

It runs in a thread of its own. Each fault counts how often it struck, and a test whose fault never struck proves nothing: ask `hits`.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from typing import Literal, Self

import msgspec

Kind = Literal["latency", "stall", "reset", "close", "refuse", "rechunk", "corrupt", "unanswered"]
Ends = tuple[asyncio.StreamWriter, asyncio.StreamWriter]
_PIECE = 64 << 10
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST."""


class Fault(msgspec.Struct, frozen=True):
    """`after` is the byte of a connection's `direction` at which it strikes: `down` is from the server to the client. `seconds` are those
    of a latency (for each piece), `size` the bytes of a piece under `rechunk`. With a `word` it strikes pieces that hold it. What is
    `unanswered` comes to the server, which answers, and the answer is lost with the connection."""

    kind: Kind
    direction: Literal["up", "down"] = "down"
    after: int = 0
    seconds: float = 0.0
    size: int = 1
    word: bytes = b""


class FaultProxy:
    """`with FaultProxy(port_of_the_server) as proxy:`, then `proxy.port`. `fault` may be set at any time and holds for what follows. A
    server may also be the path of its Unix socket."""

    def __init__(self, target: int | str) -> None:
        self.target = target
        self.port = 0
        self.fault: Fault | None = None
        self.hits: Counter[str] = Counter()
        self.connections = 0
        """Made since the start."""
        self._open: set[asyncio.StreamWriter] = set()
        self._mute: set[Ends] = set()
        """Connections whose server's next answer is lost."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> int:
        """Resets every connection that is open now; how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._open:
            writer.transport.abort()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _cut(self) -> int:
        writers = list(self._open)
        for writer in writers:
            _reset(writer)
        self.hits["cut"] += len(writers) // 2
        return len(writers) // 2

    async def _lifted(self, fault: Fault) -> None:
        """Until the test has set another fault, or none; it does so from a thread of its own."""
        while self.fault is fault:  # noqa: ASYNC110 - an asyncio.Event cannot be set from another thread
            await asyncio.sleep(0.02)

    def _struck(self, kind: Kind) -> bool:
        if self.fault is None or self.fault.kind != kind:
            return False
        self.hits[kind] += 1
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._struck("refuse"):
            _reset(writer)
            return
        try:
            far_reader, far_writer = await self._dialled()
        except OSError:
            _reset(writer)
            return
        ends = (writer, far_writer)
        self._open.update(ends)
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer, "up", ends)),
            asyncio.ensure_future(self._pump(far_reader, writer, "down", ends)),
        ]
        self._tasks.update(pumps)
        await asyncio.wait(pumps)
        self._tasks.difference_update(pumps)
        self._mute.discard(ends)
        for end in ends:
            self._open.discard(end)
            end.close()

    async def _dialled(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str, ends: Ends) -> None:
        passed = 0
        try:
            while data := await reader.read(_PIECE):
                fault = self.fault
                if ends in self._mute and direction == "down":
                    self.hits["unanswered"] += 1
                    raise ConnectionResetError
                if fault is not None and fault.direction == direction and passed + len(data) > fault.after and fault.word in data:
                    room = max(0, fault.after - passed)
                    await self._strike(fault, data, room, writer, ends)
                else:
                    writer.write(data)
                    await writer.drain()
                passed += len(data)
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            for end in ends:
                _reset(end)

    async def _strike(self, fault: Fault, data: bytes, room: int, writer: asyncio.StreamWriter, ends: Ends) -> None:
        if fault.kind == "unanswered":
            self._mute.add(ends)
            writer.write(data)
            await writer.drain()
            return
        self.hits[fault.kind] += 1
        match fault.kind:
            case "latency":
                await asyncio.sleep(fault.seconds)
                writer.write(data)
            case "rechunk":
                for start in range(0, len(data), fault.size):
                    writer.write(data[start : start + fault.size])
                    await writer.drain()
                    await asyncio.sleep(0)
            case "corrupt":
                writer.write(data[:room] + bytes([data[room] ^ 0x55]) + data[room + 1 :])
            case "stall":
                writer.write(data[:room])
                await self._lifted(fault)
                writer.write(data[room:])
            case "close":
                writer.write(data[:room])
                await writer.drain()
                for end in ends:
                    end.close()
            case "reset":
                writer.write(data[:room])
                await writer.drain()
                raise ConnectionResetError
            case _:
                writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
