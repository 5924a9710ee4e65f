"""Keys that other gateways made are taken over: their values go on working. All of a request, or none; what is there already stays."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from tidegate.control.api.call import Call
from tidegate.control.api.fields import Id, Moment, Name, Text, in_reach, microseconds
from tidegate.control.api.key_fields import Names, Patterns, check
from tidegate.control.api.keys import require_within
from tidegate.control.api.problem import FieldError, invalid, invalid_field
from tidegate.control.api.table import Route
from tidegate.control.config import PriorityName
from tidegate.control.foreign_keys import ForeignKey, flaw_of
from tidegate.policy.keys import ID_LENGTH, digest_of_hash, token_digest
from tidegate.policy.roles import team_scope
from tidegate.records import ApiKey, Team

MOST = 1000


class ImportedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`value` is the key itself, or `sha256` its hash in hexadecimal. Without `expires_at` it has no end."""

    name: Name
    value: Annotated[str, Meta(max_length=512)] = ""
    sha256: Annotated[str, Meta(max_length=64)] = ""
    models: Patterns = []
    tags: Names = []
    priority: PriorityName = "interactive"
    expires_at: Moment | None = None


class KeyImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys become the organisation's, or the team's."""

    keys: Annotated[list[ImportedKey], Meta(min_length=1, max_length=MOST)]
    team_id: Id | None = None
    purpose: Text = ""


class ImportDone(msgspec.Struct, frozen=True, kw_only=True):
    """`ids` are those of new keys, in the order in which they were sent; null is one that was there before."""

    ids: list[str | None]


async def at_import(call: Call, asked: KeyImport) -> str:
    if asked.team_id is not None and await call.view.get(Team, asked.team_id) is None:
        raise invalid_field("team_id", "there is no such team")
    return team_scope(call.tenant.org_id, asked.team_id)


async def import_keys(call: Call, asked: KeyImport) -> ImportDone:
    flaws = [
        FieldError(f"keys[{at}]", flaw)
        for at, key in enumerate(asked.keys)
        if (flaw := flaw_of(ForeignKey(name=key.name, value=key.value, sha256=key.sha256))) is not None
    ]
    if flaws:
        raise invalid(*flaws)
    pepper = call.services.peppers
    digests = [token_digest(pepper.secret, key.value) if key.value else digest_of_hash(pepper.secret, key.sha256) for key in asked.keys]
    present = await call.view.digests_there(digests)
    ids: list[str | None] = []
    for at, (key, digest) in enumerate(zip(asked.keys, digests, strict=True)):
        if digest in present:
            ids.append(None)
            continue
        present.add(digest)
        check(models=key.models, routes=[], addresses=[], times=[], where=f"keys[{at}].")
        row = ApiKey(
            id=call.services.secrets.base62(ID_LENGTH),
            name=key.name,
            env="ext",
            digest=digest,
            pepper_version=pepper.current,
            owner_kind="org" if asked.team_id is None else "team",
            owner_id=asked.team_id or call.tenant.org_id,
            team_id=asked.team_id,
            purpose=asked.purpose,
            models=key.models,
            tags=key.tags,
            priority=key.priority,
            expires_at=None if key.expires_at is None else microseconds(in_reach(f"keys[{at}].expires_at", key.expires_at)),
            created_by=call.actor_name,
            created_at=call.now,
            updated_at=call.now,
        )
        await require_within(call, row)
        await call.change.add(row)
        ids.append(row.id)
    return ImportDone(ids=ids)


ROUTES = (
    Route(
        method="POST",
        path="/orgs/{org}/key-imports",
        name="import_keys",
        permission="keys:create",
        where=at_import,
        asked=KeyImport,
        answer=ImportDone,
        status=HTTPStatus.OK,
        handler=import_keys,
        summary="Take over keys that another gateway made.",
    ),
)
