"""An organisation always has an owner who can act. Asked before a binding is withdrawn and before somebody is disabled."""

from http import HTTPStatus

from tidegate.control.api.call import Call
from tidegate.control.api.identify import every_binding
from tidegate.control.api.problem import Problem
from tidegate.policy.roles import GATEWAY, OWNER, org_scope
from tidegate.records import DEFAULT_ORG, RoleBinding, ServiceAccount, User


async def keep_an_owner(call: Call, *, without_binding: str = "", without_subject: tuple[str, str] | None = None) -> None:
    """Raises `Problem` if nobody would be left who owns what the binding or the subject owns now: the organisation, and of the default
    organisation the gateway."""
    owning = await every_binding(call.view, {"role": OWNER})
    tops = [GATEWAY, org_scope(DEFAULT_ORG)] if call.tenant.org_id == DEFAULT_ORG else [org_scope(call.tenant.org_id)]
    for top in tops:
        covering = [found for found in owning if found.scope in (GATEWAY, top)] if top != GATEWAY else [f for f in owning if f.scope == top]
        going = [found for found in covering if found.id == without_binding or (found.subject_kind, found.subject_id) == without_subject]
        if going and not [found for found in covering if found not in going and await _can_act(call, found)]:
            detail = f"Somebody must own `{top}`: make another owner first."
            raise Problem(HTTPStatus.CONFLICT, "last-owner", detail)


async def _can_act(call: Call, binding: RoleBinding) -> bool:
    match binding.subject_kind:
        case "user":
            subject = await call.view.get(User, binding.subject_id)
        case _:
            subject = await call.view.get(ServiceAccount, binding.subject_id)
    return subject is not None and subject.disabled_at is None
