"""The limits of the database as the data plane reads them, on both databases."""

import msgspec
from tests.support.control import ACTOR, SetClock

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.limit_rules import SqlLimitRules
from tidegate.control.key_rotation import carry_limits
from tidegate.control.key_state import successor
from tidegate.records import ApiKey, LimitRule, Tenant

RULE = LimitRule(id="lim", name="ci", scope_kind="key", scope_id="k1", measure="requests", per="minute", amount=3)


async def test_the_limit_of_a_key_is_counted_in_the_name_of_the_first_over_all_rotations(database: Database) -> None:
    changes = Changes(database, SetClock())
    keys = [ApiKey(id="k1", name="k", digest=b"1", owner_id="default")]
    keys += [successor(keys[0], "k2", "cli/x", 5)]
    keys += [successor(keys[1], "k3", "cli/x", 6)]
    async with SqlControlStore(changes).change(Tenant("default"), ACTOR) as change:
        for number, key in enumerate(keys):
            await change.add(msgspec.structs.replace(key, digest=bytes([number])))
        await change.add(RULE)
        for old, fresh in ((keys[0], keys[1]), (keys[1], keys[2])):
            await carry_limits(change, old, fresh)
    async with SqlControlStore(changes).view(Tenant("default")) as view:
        kept = await view.get(LimitRule, "lim")
    found = await SqlLimitRules(database).since(-1)
    assert kept is not None and kept.scope_id == "k3"
    assert found is not None and [(org, rule.id, rule.scope_id) for org, rule in found[1]] == [("default", "lim", "k1")]
