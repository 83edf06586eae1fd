"""Roles: each may do what the one below it may, and more."""

import pytest

from appliance.db.models.audit_entry import ActorKind
from appliance.errors import Forbidden
from appliance.services import audit, permission
from appliance.services.audit import Actor
from appliance.services.permission import Permission, Role


def person(role: str) -> Actor:
    return Actor(ActorKind.USER, "usr_1", "ann", role=role)


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (Role.ADMINISTRATOR, {Permission.VIEW, Permission.OPERATE, Permission.ADMINISTER}),
        (Role.OPERATOR, {Permission.VIEW, Permission.OPERATE}),
        (Role.VIEWER, {Permission.VIEW}),
        ("a role of a newer version", set()),
        ("", set()),
    ],
)
def test_what_a_role_may(role: str, rights: set[Permission]) -> None:
    with audit.act_as(person(role)):
        assert {one for one in Permission if permission.may(one)} == rights


def test_what_has_no_role_was_looked_at_where_it_came_in() -> None:
    with audit.act_as(Actor(ActorKind.KEY, "key_1", "shop")):
        permission.require(Permission.ADMINISTER)
    permission.require(Permission.ADMINISTER)  # the appliance itself


def test_who_is_not_signed_in_may_nothing() -> None:
    with audit.act_as(Actor(ActorKind.ANONYMOUS, "", "somebody")):
        assert not any(permission.may(one) for one in Permission)


def test_a_use_case_that_needs_more_is_refused_before_it_begins() -> None:
    done: list[str] = []

    @permission.needs(Permission.OPERATE)
    def cancel(message_id: str) -> str:
        done.append(message_id)
        return message_id

    with audit.act_as(person(Role.VIEWER)), pytest.raises(Forbidden, match="Ask an administrator"):
        cancel("msg_1")
    assert done == []
    with audit.act_as(person(Role.OPERATOR)):
        assert cancel("msg_2") == "msg_2"
