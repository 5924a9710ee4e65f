from pathlib import Path

import pytest

from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.watermark import Level, Watermark


class Disk(Files):
    used = 0
    total = 1000

    def room(self, folder: Path) -> tuple[int, int]:
        if self.total == 0:
            raise OSError(5, "Input/output error")
        return self.used, self.total - self.used


def test_each_step_has_some_way_back() -> None:
    disk = Disk()
    mark = Watermark(Path(), disk, roomy=1000)
    steps = []
    for disk.used in (100, 799, 800, 795, 789, 900, 950, 945, 939, 1000, 0):
        steps.append(mark.look())
    fine, warn, shed, refuse = Level.FINE, Level.WARN, Level.SHED, Level.REFUSE
    assert steps == [fine, fine, warn, warn, fine, shed, refuse, refuse, shed, refuse, fine]
    assert mark.used == 0.0


def test_a_disk_with_room_is_not_full() -> None:
    disk = Disk()
    disk.total, disk.used = 1_000_000, 990_000
    assert Watermark(Path(), disk, roomy=10_000).look() is Level.FINE
    assert Watermark(Path(), disk, roomy=10_001).look() is Level.REFUSE


def test_what_was_known_stays_when_the_disk_does_not_answer() -> None:
    disk = Disk()
    mark = Watermark(Path(), disk, roomy=1000)
    disk.used = 960
    mark.look()
    disk.total = 0
    assert mark.look() is Level.REFUSE
    assert mark.used == pytest.approx(0.96)


def test_the_real_disk_answers(tmp_path: Path) -> None:
    mark = Watermark(tmp_path, Files())
    mark.look()
    assert 0 < mark.used < 1
