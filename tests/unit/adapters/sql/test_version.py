from alembic.script import ScriptDirectory

from tidegate.adapters.sql.migrate import configuration
from tidegate.adapters.sql.version import HEAD, is_behind


def test_the_code_knows_its_newest_version() -> None:
    script = ScriptDirectory.from_config(configuration())
    assert script.get_heads() == [HEAD]
    numbers = [int(revision.revision) for revision in script.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)


def test_a_database_may_be_ahead_but_not_behind() -> None:
    assert is_behind(None)
    assert not is_behind(HEAD)
    assert not is_behind(f"{int(HEAD) + 1:04}")
    assert is_behind(f"{int(HEAD) - 1:04}")
