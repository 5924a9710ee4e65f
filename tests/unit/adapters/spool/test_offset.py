from pathlib import Path

import pytest
from tests.unit.adapters.spool.making import Roomy

from tidegate.adapters.spool.offset import NAME, SLOT_SIZE, Offset


def opened(folder: Path) -> tuple[int, bool]:
    offset = Offset(folder, Roomy())
    return offset.seq, offset.known


def test_the_number_outlives_the_process(tmp_path: Path) -> None:
    assert opened(tmp_path) == (0, False)
    offset = Offset(tmp_path, Roomy())
    offset.advance(0)
    assert opened(tmp_path) == (0, True)
    for seq in (500, 1000, 1234):
        offset.advance(seq)
        assert opened(tmp_path) == (seq, True)
    assert (tmp_path / NAME).stat().st_size == 2 * SLOT_SIZE


@pytest.mark.parametrize("place", range(0, 2 * SLOT_SIZE, 7))
def test_a_torn_write_leaves_the_number_before(tmp_path: Path, place: int) -> None:
    offset = Offset(tmp_path, Roomy())
    offset.advance(500)
    offset.advance(1000)
    data = bytearray((tmp_path / NAME).read_bytes())
    data[place] ^= 0x55
    (tmp_path / NAME).write_bytes(data)
    # Turn 1 is in the second slot, turn 2 in the first one.
    assert opened(tmp_path) == ((500 if place < 28 else 1000), True)


@pytest.mark.parametrize("data", [b"", b"\xff" * 10, b"\xff" * 5000, b"\0" * 1024])
def test_a_file_that_says_nothing_is_known_to_say_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / NAME).write_bytes(data)
    assert opened(tmp_path) == (0, False)


def test_a_write_that_fails_moves_nothing(tmp_path: Path) -> None:
    class Failing(Roomy):
        bad = False

        def sync(self, fd: int) -> None:
            if self.bad:
                raise OSError(5, "Input/output error")
            super().sync(fd)

    files = Failing()
    offset = Offset(tmp_path, files)
    offset.advance(500)
    files.bad = True
    with pytest.raises(OSError, match="Input"):
        offset.advance(1000)
    assert offset.seq == 500
    files.bad = False
    offset.advance(1000)
    assert opened(tmp_path) == (1000, True)
