"""Gateways on one database have one pepper, or do not start."""

import pytest
from tests.support.control import ACTOR

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.installation import OtherPepper, check_pepper, require_pepper
from tidegate.adapters.system import SystemClock
from tidegate.records import DEFAULT_ORG, ApiKey, Tenant


async def with_a_key(database: Database) -> None:
    async with SqlControlStore(Changes(database, SystemClock())).change(Tenant(DEFAULT_ORG), ACTOR) as change:
        await change.add(ApiKey(id="k1", name="k", digest=b"1", env="live"))


async def test_the_same_pepper_is_taken_every_time(database: Database) -> None:
    await check_pepper(database, b"one")
    await with_a_key(database)
    await check_pepper(database, b"one")


async def test_another_one_is_refused_where_keys_depend_on_it(database: Database) -> None:
    await check_pepper(database, b"one")
    await with_a_key(database)
    with pytest.raises(OtherPepper, match="the 1 keys of the database were made with another `pepper`"):
        await check_pepper(database, b"other")
    await check_pepper(database, b"one")


async def test_a_command_leaves_no_mark_and_works_with_the_pepper_of_the_gateways_only(database: Database) -> None:
    await require_pepper(database, b"other")
    await check_pepper(database, b"one")
    await require_pepper(database, b"one")
    with pytest.raises(OtherPepper, match="copy that file"):
        await require_pepper(database, b"other")


async def test_without_keys_nothing_depends_on_it(database: Database) -> None:
    await check_pepper(database, b"one")
    await check_pepper(database, b"other")
    await with_a_key(database)
    with pytest.raises(OtherPepper):
        await check_pepper(database, b"one")


async def test_one_that_is_lost_is_replaced_on_purpose(database: Database) -> None:
    await check_pepper(database, b"one")
    await with_a_key(database)
    await check_pepper(database, b"other", replace=True)
    await check_pepper(database, b"other")
