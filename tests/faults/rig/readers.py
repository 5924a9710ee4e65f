"""Clients that read their stream when they are told to, and no sooner."""

import asyncio
import socket

from tests.faults.rig.calls import Call, request

KIB = 1 << 10


class Reader:
    """A client that takes bytes when it is told to, from a socket that keeps few of them."""

    def __init__(self, port: int, key: str, call: Call) -> None:
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        self._sock.setblocking(False)
        self._address = ("127.0.0.1", port)
        self._request = request(key, call)
        self.got = bytearray()

    async def begin(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._sock, self._address)
        await loop.sock_sendall(self._sock, self._request)
        await self.take(KIB)

    async def take(self, most: int) -> bool:
        """Reads once; False at the end."""
        piece = await asyncio.get_running_loop().sock_recv(self._sock, most)
        self.got += piece
        return bool(piece)

    async def rest(self) -> None:
        while not self.got.endswith(b"0\r\n\r\n") and await self.take(64 * KIB):
            pass

    def close(self) -> None:
        self._sock.close()
