"""How full the disk of the spool is, in four steps, with some way back before a step is left.

The percentages are those of `df`. A disk with `roomy` bytes to take is not full, whatever its percentage: 5 % of a large disk are many
gigabytes, and a laptop that is 96 % full must still serve.
"""

from enum import IntEnum
from pathlib import Path

from tidegate.adapters.spool.files import Files

WARN, SHED, REFUSE = 0.80, 0.90, 0.95
HYSTERESIS = 0.01
ROOMY = 8 << 30


class Level(IntEnum):
    FINE = 0
    WARN = 1
    SHED = 2
    """What may be dropped (bodies, observations) should not be written."""
    REFUSE = 3
    """No new billable work."""


class Watermark:
    """`level` and `used` (0 to 1) as of the last `look`."""

    def __init__(self, folder: Path, files: Files, *, roomy: int = ROOMY) -> None:
        self._folder = folder
        self._files = files
        self._roomy = roomy
        self.level = Level.FINE
        self.used = 0.0

    def look(self) -> Level:
        """Asks the file system. Where that fails, what was known stays."""
        try:
            taken, free = self._files.room(self._folder)
        except OSError:
            return self.level
        self.used = taken / (taken + free) if taken + free else 1.0
        if free >= self._roomy:
            self.level = Level.FINE
        else:
            for level, mark in ((Level.REFUSE, REFUSE), (Level.SHED, SHED), (Level.WARN, WARN), (Level.FINE, 0.0)):
                if self.used >= (mark - HYSTERESIS if level <= self.level else mark) or level is Level.FINE:
                    self.level = level
                    break
        return self.level
