"""What each role may do. Services ask here, so that a forgotten button is no open door.

Only people have roles. A program's rights are the scopes of its key, looked at where its request comes in; the command
line and the tasks of the appliance may do everything.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import ParamSpec, TypeVar

from appliance.db.models.audit_entry import ActorKind
from appliance.errors import Forbidden
from appliance.language import gettext
from appliance.services import audit


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Permission(StrEnum):
    """VIEW: look at all but secrets. OPERATE: work with mail. ADMINISTER: change how the box works, and for whom."""

    VIEW = "view"
    OPERATE = "operate"
    ADMINISTER = "administer"


PERMISSIONS = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.OPERATOR: frozenset({Permission.VIEW, Permission.OPERATE}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def may(permission: Permission) -> bool:
    """Whether who acts now has `permission`. A role that there is not has none, and nor has who is not signed in."""
    actor = audit.acting()
    if actor.role is None:
        return actor.kind is not ActorKind.ANONYMOUS
    return actor.role in set(Role) and permission in PERMISSIONS[Role(actor.role)]


def require(permission: Permission) -> None:
    """Raises Forbidden."""
    if not may(permission):
        raise Forbidden(gettext("Your role does not allow that. Ask an administrator to do it, or for another role."))


def needs(
    permission: Permission,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Marks a use case: who acts must have `permission`, else it raises Forbidden before anything is done."""

    def guard(use_case: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(use_case)
        def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            require(permission)
            return use_case(*args, **kwargs)

        guarded.__dict__["permission"] = permission
        return guarded

    return guard
