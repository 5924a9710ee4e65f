from pathlib import Path

import pytest

from tidegate.adapters.scratch import IN_MEMORY, FileScratch


@pytest.mark.parametrize("size", [10, IN_MEMORY, IN_MEMORY * 3 + 7])
async def test_what_is_written_is_read_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    file = FileScratch(tmp_path / "scratch").open()
    data = bytes(number % 251 for number in range(size))
    for at in range(0, size, 7777):
        await file.write(data[at : at + 7777])
    assert file.size == size
    for at in (0, 1, size // 2, size - 1, size):
        read = b""
        while piece := await file.read(at + len(read), 5000):
            read += piece
        assert read == data[at:]
    assert _names(tmp_path) == (["scratch"] if size > IN_MEMORY else [])
    file.close()
    assert _names(tmp_path) == (["scratch"] if size > IN_MEMORY else [])


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*")]
