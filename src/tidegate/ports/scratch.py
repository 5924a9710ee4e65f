"""Room on the disk for bytes that are too many to be held in memory while a call runs. It is gone with the call, and with the process."""

from typing import Protocol


class ScratchFile(Protocol):
    """Bytes that are written at the end and read anywhere. `close` gives the room back."""

    @property
    def size(self) -> int: ...

    async def write(self, data: bytes) -> None:
        """Raises `OSError` where there is no room."""
        ...

    async def read(self, at: int, size: int) -> bytes:
        """Up to `size` bytes from `at` on; nothing at the end."""
        ...

    def close(self) -> None: ...


class Scratch(Protocol):
    def open(self) -> ScratchFile: ...
