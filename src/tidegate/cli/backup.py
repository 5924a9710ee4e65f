"""`tidegate backup` and `tidegate restore`: all that the database keeps, in one file."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tidegate.adapters.backup_file import BadBackup, Reader
from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.backup import back_up
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.restore import NotEmpty
from tidegate.adapters.sql.restore import restore as put_back
from tidegate.adapters.sql.version import Behind
from tidegate.cli.database import Unusable, with_database
from tidegate.cli.options import Home, complain
from tidegate.control.problems import ConfigError

File = Annotated[Path, Parameter(help="The file of the backup.")]


def backup(file: File, /, *, home: Home = None) -> int:
    """See `texts.BACKUP`."""

    async def work(database: Database) -> Mapping[str, int]:
        return await back_up(database, file, time.time_ns() // 1000)

    flaw = f"{file} is there already" if file.exists() else f"there is no directory {file.parent}" if not file.parent.is_dir() else None
    if flaw is not None:
        complain(f"error: {flaw}")
        return 1
    try:
        rows = with_database(home, work)
    except (BadAddress, Behind, ConfigError, Unusable) as error:
        complain(f"error: {error}")
        return 1
    complain(f"{file}: {sum(rows.values()):,} rows, {file.stat().st_size:,} bytes.")
    complain("Not in it: the files `pepper` and `keys.json` under TIDEGATE_HOME, and the key that seals secrets (`kek` or TIDEGATE_KEK).")
    return 0


def restore(file: File, /, *, home: Home = None) -> int:
    """See `texts.RESTORE`."""

    async def work(database: Database) -> Mapping[str, int]:
        return await put_back(database, reader)

    if not file.is_file():
        complain(f"error: there is no file {file}")
        return 1
    try:
        reader = Reader(file)
        rows = with_database(home, work)
    except (BadAddress, BadBackup, ConfigError, NotEmpty, Unusable, OSError) as error:
        complain(f"error: {error}")
        return 1
    complain(f"Restored {sum(rows.values()):,} rows of {len(rows)} tables.")
    return 0
