"""One model of a caller's list, for the surfaces that show it."""

from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.route import PublicModel
from tidegate.proxy.call import Call


def find(call: Call, name: str) -> PublicModel:
    """A model by any name that a request may use. Raises `GatewayError` NOT_FOUND with near names."""
    listed = next((model for model in call.planner.models(call.key) if model.name == name), None)
    if listed is not None:
        return listed
    try:
        plan = call.planner.plan(call.key, name)
    except GatewayError as unknown:
        error = unknown.error
        raise GatewayError(Error(kind=ErrorKind.NOT_FOUND, message=error.message, code="model_not_found", param="model")) from None
    return PublicModel(name=name, target=plan.targets[0])
