"""Users: the people of an organisation."""

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.rows import Kind, Rows
from tidegate.adapters.sql.schema import user_account
from tidegate.records import User

KIND = Kind(name="user", table=user_account, audited=("name", "email", "disabled_at"), edited=frozenset(("name", "email", "disabled_at")))


class Users(Rows[User]):
    def __init__(self, changes: Changes) -> None:
        super().__init__(changes, KIND, User)
