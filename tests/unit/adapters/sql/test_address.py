from pathlib import Path

import pytest

from tidegate.adapters.sql.address import BadAddress, address

HOME = Path("state")


def told(given: str | None) -> str:
    return address({} if given is None else {"TIDEGATE_DATABASE_URL": given}, HOME).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, "sqlite+aiosqlite:///state/tidegate.db"),
        ("", "sqlite+aiosqlite:///state/tidegate.db"),
        ("sqlite:///other/x.db", "sqlite+aiosqlite:///other/x.db"),
        ("postgresql://u:p@h:5432/d", "postgresql+asyncpg://u:p@h:5432/d"),
        ("postgres://u:p@h/d?sslmode=require", "postgresql+asyncpg://u:p@h/d?ssl=require"),
        ("postgresql+asyncpg://h/d", "postgresql+asyncpg://h/d"),
    ],
)
def test_an_address_gets_its_driver(given: str | None, wanted: str) -> None:
    assert told(given) == wanted


@pytest.mark.parametrize(
    "given", ["mysql://u:hunter2@h/d", "hunter2", "sqlite://", "postgresql://u:hunter2@h:port/d", "postgresql+psycopg://h/d"]
)
def test_what_is_no_address_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(BadAddress, match="TIDEGATE_DATABASE_URL") as caught:
        told(given)
    assert "hunter2" not in str(caught.value)
