"""Teams and who is in them."""

from sqlalchemy import delete, select

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.rows import Kind, Rows
from tidegate.adapters.sql.schema import team, team_member
from tidegate.adapters.sql.statements import insert
from tidegate.records import Actor, Team, Tenant

KIND = Kind(name="team", table=team, audited=("name", "disabled_at"), edited=frozenset(("name", "disabled_at")))


class Teams(Rows[Team]):
    def __init__(self, changes: Changes) -> None:
        super().__init__(changes, KIND, Team)

    async def members(self, tenant: Tenant, team_id: str) -> tuple[str, ...]:
        """Ids of users."""
        query = select(team_member.c.user_id).where(*within(tenant, team_member), team_member.c.team_id == team_id)
        async with self._changes.database.read(tenant) as connection:
            return tuple((await connection.execute(query.order_by(team_member.c.user_id))).scalars())

    async def add_member(self, tenant: Tenant, actor: Actor, team_id: str, user_id: str) -> bool:
        """False where the user was in the team. Raises `Conflict` where one of them is not of this tenant."""
        row = {"org_id": tenant.org_id, "team_id": team_id, "user_id": user_id}
        async with self._changes.begin(tenant, actor) as change:
            statement = insert(team_member, is_sqlite=self._changes.database.is_sqlite).values({**row, "created_at": change.now})
            done = await change.connection.execute(statement.on_conflict_do_nothing().returning(team_member.c.user_id))
            if not done.all():
                return False
            await change.audit(tenant, "team.add_member", "team", team_id, after={"user_id": user_id})
            return True

    async def remove_member(self, tenant: Tenant, actor: Actor, team_id: str, user_id: str) -> bool:
        """False where the user was not in the team."""
        chosen = (*within(tenant, team_member), team_member.c.team_id == team_id, team_member.c.user_id == user_id)
        async with self._changes.begin(tenant, actor) as change:
            done = await change.connection.execute(delete(team_member).where(*chosen).returning(team_member.c.user_id))
            if not done.all():
                return False
            await change.audit(tenant, "team.remove_member", "team", team_id, before={"user_id": user_id})
            return True
