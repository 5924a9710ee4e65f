"""The first admin of a new gateway. `tidegate.app` asks at every start and prints the token, which is nowhere else."""

from tidegate.control.api.call import ID_LENGTH, Services
from tidegate.policy.keys import ID_LENGTH as KEY_ID_LENGTH
from tidegate.policy.keys import SECRET_LENGTH, format_token, token_digest
from tidegate.policy.roles import GATEWAY, OWNER
from tidegate.records import DEFAULT_ORG, Actor, ApiKey, ListQuery, RoleBinding, Tenant, User

_ACTOR = Actor(kind="system", id="first-start")


async def first_admin(services: Services) -> str | None:
    """The token of the operator's first admin key; None where there ever was one. Safe where several processes start at once.

    The key has no end: it is there to make others, which can have no later one.
    """
    async with services.store.view(Tenant(DEFAULT_ORG)) as view:
        if (await view.page(ApiKey, ListQuery(limit=1, only={"env": "adm"}))).items:
            return None
    now = services.now()
    async with services.store.change(Tenant(DEFAULT_ORG), _ACTOR) as change:
        if (await change.page(ApiKey, ListQuery(limit=1, only={"env": "adm"}))).items:
            return None
        user = User(id=f"user_{services.secrets.base62(ID_LENGTH)}", name="first admin", created_at=now, updated_at=now)
        await change.add(user)
        binding = f"rb_{services.secrets.base62(ID_LENGTH)}"
        await change.add(
            RoleBinding(
                id=binding, subject_kind="user", subject_id=user.id, role=OWNER, scope=GATEWAY, created_by=_ACTOR.kind, created_at=now
            )
        )
        public = services.secrets.base62(KEY_ID_LENGTH)
        token = format_token("adm", public, services.secrets.base62(SECRET_LENGTH))
        key = ApiKey(
            id=public,
            name="first admin",
            env="adm",
            digest=token_digest(services.peppers.secret, token),
            pepper_version=services.peppers.current,
            owner_kind="user",
            owner_id=user.id,
            user_id=user.id,
            created_by=_ACTOR.kind,
            created_at=now,
            updated_at=now,
        )
        await change.add(key)
    return token
