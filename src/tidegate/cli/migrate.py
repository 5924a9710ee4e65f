"""`tidegate migrate`: the version of the database's schema, shown and raised."""

from cyclopts import App

from tidegate.adapters.sql import migrate
from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.version import HEAD, current, is_behind
from tidegate.cli.database import Unusable, with_database
from tidegate.cli.options import Home, complain, say
from tidegate.control.problems import ConfigError

app = App(name="migrate")


@app.command
def status(*, home: Home = None) -> int:
    """Print which version the database has and which one this Tidegate needs. The exit code is 1 if it is behind."""
    try:
        version = with_database(home, current)
    except (BadAddress, ConfigError, Unusable) as error:
        return _failed(error)
    say(f"database: {version or 'empty'}\nneeded:   {HEAD}")
    if is_behind(version):
        complain("It is behind: run `tidegate migrate upgrade`.")
        return 1
    return 0


@app.command
def upgrade(*, home: Home = None) -> int:
    """Bring the database to the version that this Tidegate needs. Gateways of the version before go on while it runs, and after it."""
    try:
        before, after = with_database(home, migrate.upgrade)
    except (BadAddress, ConfigError, Unusable) as error:
        return _failed(error)
    complain(f"The database is of version {after}" + (", as it was." if before == after else f"; it was {before or 'empty'}."))
    return 0


def _failed(error: Exception) -> int:
    complain(f"error: {error}")
    return 1
