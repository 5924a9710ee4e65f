"""The `keys` section and the stored keys become the snapshot's keys."""

from collections.abc import Callable, Sequence

from tidegate.control.config import KeyEntry
from tidegate.control.limits import Limits, budgets_of
from tidegate.control.problems import Path, Problems
from tidegate.control.secrets import Secrets
from tidegate.policy import keys
from tidegate.policy.keys import StoredKeys
from tidegate.policy.near import did_you_mean
from tidegate.policy.overload.queue import Priority
from tidegate.policy.snapshot import Key


def compile_keys(
    entries: Sequence[KeyEntry], stored: StoredKeys, secrets: Secrets, problems: Problems
) -> tuple[dict[str, Key], dict[bytes, Key]]:
    """(by public id, by digest). A key of the file goes before the same one in the store."""
    by_id = {row.id: row.key() for row in stored.keys if row.revoked is None}
    by_digest: dict[bytes, Key] = {}
    names: dict[str, int] = {}
    digests: dict[bytes, str] = {}
    for index, entry in enumerate(entries):
        if not entry.name.strip():
            problems.error(("keys", index, "name"), "a key needs a name that is not empty")
        elif entry.name in names:
            problems.error(("keys", index, "name"), f"`{entry.name}` is already the name of keys[{names[entry.name]}]: names are unique")
        names.setdefault(entry.name, index)
        token = _token(entry, index, secrets, problems)
        if token is None:
            continue
        digest = keys.token_digest(stored.pepper, token)
        if digest in digests:
            problems.error(("keys", index, "value"), f"this is the same key as `{digests[digest]}`: each needs its own")
        digests[digest] = entry.name
        public = keys.token_id(token)
        id = public or f"config:{entry.name}"
        where: Path = ("keys", index)
        key = Key(
            id=id,
            name=entry.name,
            digest=digest,
            models=tuple(entry.models),
            tags=tuple(entry.tags),
            priority=Priority[entry.priority.upper()],
            limits=Limits(problems).of("key", id, where, entry.limits, budgets_of(where, entry.budget, entry.budgets)),
        )
        if public is not None:
            by_id[public] = key
        else:
            by_digest[digest] = key
    return by_id, by_digest


def check_patterns(entries: Sequence[KeyEntry], is_known: Callable[[str], bool], names: Sequence[str], problems: Problems) -> None:
    """Errors for patterns that cannot be, warnings for names that match nothing."""
    for index, entry in enumerate(entries):
        for place, pattern in enumerate(entry.models):
            where = ("keys", index, "models", place)
            if not pattern or "*" in pattern[:-1]:
                problems.error(where, "a pattern is a model's or route's name, or its beginning with `*` at the end")
            elif not pattern.endswith("*") and not is_known(pattern):
                problems.warn(where, f"no route and no model is called `{pattern}` yet.{did_you_mean(pattern, names)}")


def _token(entry: KeyEntry, index: int, secrets: Secrets, problems: Problems) -> str | None:
    where = ("keys", index, "value")
    token = secrets.resolve(entry.value, where, problems)
    if token is None:
        return None
    make = f"`tidegate keys create --name {entry.name}` makes a good one"
    if token.startswith(keys.PREFIX):
        flaw = keys.flaw(token)
        if flaw is not None:
            problems.error(where, f"this is not a whole gateway key ({flaw}); {make}")
            return None
    elif len(token) < keys.MIN_FOREIGN_LENGTH:
        problems.error(where, f"a key has at least {keys.MIN_FOREIGN_LENGTH} characters, else it can be guessed; {make}")
        return None
    return token
