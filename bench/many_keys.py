"""Fills a gateway's database with keys: `python bench/many_keys.py ORGANISATIONS KEYS`, under the gateway's own `TIDEGATE_HOME` and
before it starts. Prints the keys, one a line.

The rows are written by themselves, not through the control API, which would also write an audit event for each.
"""

import argparse

import msgspec

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.schema import api_key, organisation
from tidegate.adapters.sql.statements import insert
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli.database import with_database
from tidegate.cli.directory import now, pepper_of
from tidegate.policy.keys import ID_LENGTH, SECRET_LENGTH, format_token, token_digest
from tidegate.records import EVERYONE, ApiKey, Organisation


async def fill(database: Database, tenants: int, keys: int) -> list[str]:
    """Gives the keys, those of an organisation one after the other."""
    await ready(database)
    pepper, secrets, at = await pepper_of(database, None), SystemSecrets(), now()
    tokens: list[str] = []
    for number in range(tenants):
        org = f"org_bench{number}"
        rows: list[dict[str, object]] = []
        for place in range(keys // tenants):
            id = secrets.base62(ID_LENGTH)
            tokens.append(format_token("live", id, secrets.base62(SECRET_LENGTH)))
            digest = token_digest(pepper, tokens[-1])
            row = ApiKey(id=id, name=f"key {place}", digest=digest, owner_id=org, created_at=at, updated_at=at)
            rows.append({"org_id": org, **msgspec.structs.asdict(row)})
        async with database.write(EVERYONE) as connection:
            own = msgspec.structs.asdict(Organisation(org_id=org, name=f"Organisation {number}", created_at=at, updated_at=at))
            await connection.execute(insert(organisation, is_sqlite=database.is_sqlite), own)
            await connection.execute(insert(api_key, is_sqlite=database.is_sqlite), rows)
    return tokens


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description="Fills a gateway's database with keys.")
    parser.add_argument("tenants", type=int)
    parser.add_argument("keys", type=int)
    wanted = parser.parse_args()
    print("\n".join(with_database(None, lambda database: fill(database, wanted.tenants, wanted.keys))))


if __name__ == "__main__":
    main()
