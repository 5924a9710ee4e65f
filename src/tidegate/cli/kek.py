"""`tidegate keys rotate-kek` and `forget-kek`: the key that seals secrets is changed, and what a lost one has sealed is given up."""

import os
from typing import Annotated

from cyclopts import Parameter

from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import VARIABLE, KekError, KeyFile, is_given
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.sealed import Rewrapped, SealedRows
from tidegate.adapters.system import SystemClock
from tidegate.cli.directory import actor, attempt_on
from tidegate.cli.options import Home, complain
from tidegate.cli.vault import keyring
from tidegate.control.settings import settings
from tidegate.records import EVERYONE

Lost = Annotated[str, Parameter(help="The id of the lost key, as the error at the start names it.")]
Sure = Annotated[bool, Parameter(name="--yes", negative=(), help="Really delete.")]


def rotate_kek(*, home: Home = None) -> int:
    """See `texts.ROTATE_KEK`."""

    async def work(database: Database) -> int:
        given = is_given(os.environ)
        file = KeyFile(settings(os.environ, home=home).home)
        before = await keyring(database, home)
        if given and len(before.ids) == 1:
            raise KekError(f"set {VARIABLE} to the new key, a comma and the old one, as in `$(openssl rand -base64 32),$TIDEGATE_KEK`")
        if not given:
            file.add()
        ring = await keyring(database, home)
        found = await _everything(database, EnvelopeSealer(ring))
        for row in found.unreadable:
            complain(f"error: {row} does not open and was left as it is: enter it again, or delete it")
        complain(f"Sealed with the key {ring.current.id}: {found.done} newly wrapped.")
        if found.unreadable:
            return 1
        if given:
            complain(f"Once every gateway has the new key, set {VARIABLE} to it alone.")
        else:
            for old in ring.ids[1:]:
                file.retire(old)
        return 0

    code = attempt_on(home, work)
    return 1 if code is None else code


def forget_kek(id: Lost, /, *, yes: Sure = False, home: Home = None) -> int:
    """See `texts.FORGET_KEK`."""
    if not yes:
        complain("error: this deletes secrets for good: look for a backup of the key first, then say --yes")
        return 1

    async def work(database: Database) -> int:
        return await SealedRows(database).forget(Changes(database, SystemClock()), EVERYONE, actor(), id)

    count = attempt_on(home, work)
    if count is None:
        return 1
    complain(f"Deleted {count} secrets that the key {id} had sealed.")
    return 0


async def _everything(database: Database, sealer: EnvelopeSealer) -> Rewrapped:
    rows, changes, by = SealedRows(database), Changes(database, SystemClock()), actor()
    done = 0
    while True:
        found = await rows.rewrap(changes, EVERYONE, by, sealer)
        done += found.done
        if not found.done:
            return Rewrapped(done, found.unreadable)
