"""Service accounts: the programs of an organisation."""

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.rows import Kind, Rows
from tidegate.adapters.sql.schema import service_account
from tidegate.records import ServiceAccount

KIND = Kind(
    name="service_account",
    table=service_account,
    audited=("name", "team_id", "disabled_at"),
    edited=frozenset(("name", "team_id", "disabled_at")),
)


class ServiceAccounts(Rows[ServiceAccount]):
    def __init__(self, changes: Changes) -> None:
        super().__init__(changes, KIND, ServiceAccount)
