"""What all gateways on one database must have in common: the pepper that keys were made with. The database has a mark of it only.

A gateway with another pepper would know nobody's key, and make keys that the others do not know; it does not start.
"""

import hmac

from sqlalchemy import func, select

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import api_key, installation
from tidegate.adapters.sql.statements import insert
from tidegate.records import EVERYONE

VARIABLE = "TIDEGATE_REPLACE_PEPPER"
PEPPER = "pepper"
_PURPOSE = b"tidegate: the pepper of this installation"


class OtherPepper(RuntimeError):
    """Keys of the database were made with another pepper."""


async def require_pepper(database: Database, pepper: bytes) -> None:
    """For whoever is no gateway: leaves no mark. Raises `OtherPepper` where there is one of another pepper."""
    async with database.read(EVERYONE) as connection:
        known = (await connection.execute(select(installation.c.value).where(installation.c.name == PEPPER))).scalar()
    if known is not None and not hmac.compare_digest(known, _mark(pepper)):
        raise OtherPepper("the gateways of this database have another `pepper` than TIDEGATE_HOME here: copy that file from one of them")


async def check_pepper(database: Database, pepper: bytes, *, replace: bool = False) -> None:
    """The first gateway leaves its mark, and so does one where nobody has a key to call with yet, or with `replace`. Raises
    `OtherPepper`."""
    mark = _mark(pepper)
    one = installation.c.name == PEPPER
    new = insert(installation, is_sqlite=database.is_sqlite).values(name=PEPPER, value=mark)
    async with database.write(EVERYONE) as connection:
        await connection.execute(new.on_conflict_do_nothing())
        known = (await connection.execute(select(installation.c.value).where(one))).scalar_one()
        if hmac.compare_digest(known, mark):
            return
        keys = (await connection.execute(select(func.count()).select_from(api_key).where(api_key.c.env != "adm"))).scalar_one()
        if keys and not replace:
            raise OtherPepper(
                f"the {keys:,} keys of the database were made with another `pepper` than this gateway's: copy that file from "
                f"TIDEGATE_HOME of a gateway that knows them. If it is lost, {VARIABLE}=1 goes on with this one: those keys stay unknown"
            )
        await connection.execute(installation.update().where(one).values(value=mark))


def _mark(pepper: bytes) -> str:
    return hmac.digest(pepper, _PURPOSE, "sha256").hex()
