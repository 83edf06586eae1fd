"""A request that is repeated with its Idempotency-Key gets the first answer again, whatever has changed meanwhile."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.db.models import Attachment
from tests.web.api.letters import MESSAGES, letter
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient

KEY = {"Idempotency-Key": "order-1"}
TEMPLATE = {"name": "Hello", "subject": "Hello", "text": "Hello."}
NEEDY = {**TEMPLATE, "text": "Hello {{ name }}.", "variables": [{"name": "name", "type": "string"}]}
FILE = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}
ACCOUNT = {"name": "Shop", "email": "shop@example.com", "host": "127.0.0.1", "port": 25, "security": "none"}
ANN_AND_BOB = [{"to": "ann@example.com"}, {"to": "bob@example.com"}]

Fields = dict[str, Any]


@dataclass(frozen=True)
class World:
    """`program` submits, with the key `key_id`; `api` may do everything."""

    app: Flask
    core: Core
    api: ApiClient
    key_id: str
    program: ApiClient

    def upload(self) -> str:
        file = {"data": {"file": (io.BytesIO(b"hello"), "a.txt")}, "content_type": "multipart/form-data"}
        return str(self.program._open("POST", "/api/v1/attachments", file).get_json()["id"])

    def account(self) -> str:
        return str(self.api.post("/api/v1/accounts", ACCOUNT).get_json()["id"])

    def bind(self, **limits: Any) -> None:
        assert self.api.patch(f"/api/v1/keys/{self.key_id}", limits).status_code == 200

    def limit(self, **limits: Any) -> None:
        """As another configuration would, after a new start."""
        context = self.app.extensions["postroom"]
        settings: Settings = context.settings
        settings = settings.model_copy(update={"limits": settings.limits.model_copy(update=limits)})
        self.app.extensions["postroom"] = replace(context, settings=settings)
        self.core.services.attachments._limits = settings.limits


@pytest.fixture
def world(app: Flask, core: Core, api: ApiClient) -> World:
    assert api.post("/api/v1/templates", {"slug": "hello", **TEMPLATE}).status_code == 201
    made = core.services.api_keys.create("program", ["send", "read"])
    return World(app, core, api, made.id, ApiClient(app.test_client(), made.secret))


def a_message(fields: Fields) -> tuple[str, Fields]:
    content = {"to": ["ann@example.com"]} if "template" in fields else letter()
    return MESSAGES, content | fields


def a_batch(fields: Fields) -> tuple[str, Fields]:
    return f"{MESSAGES}/batch", {"messages": [a_message(fields)[1], a_message(fields)[1]]}


def a_whole_batch(fields: Fields) -> tuple[str, Fields]:
    path, body = a_batch(fields)
    return path, {**body, "atomic": True}


def a_batch_of_a_template(fields: Fields) -> tuple[str, Fields]:
    return f"{MESSAGES}/batch", {"template": "hello", "recipients": ANN_AND_BOB, **fields}


FORMS = (a_message, a_batch, a_whole_batch, a_batch_of_a_template)


def upload_deleted(world: World) -> tuple[Fields, Callable[[], object]]:
    upload = world.upload()
    return {"attachments": [{"id": upload}]}, lambda: world.program.delete(f"/api/v1/attachments/{upload}")


def upload_expired(world: World) -> tuple[Fields, Callable[[], object]]:
    expire = update(Attachment).values(expires_at=utc_now() - timedelta(seconds=1))
    fields = {"attachments": [{"id": world.upload()}]}
    return fields, lambda: world.core.database.write(lambda session: session.execute(expire))


def template_deleted(world: World) -> tuple[Fields, Callable[[], object]]:
    return {"template": "hello"}, lambda: world.api.delete("/api/v1/templates/hello")


def template_wants_more(world: World) -> tuple[Fields, Callable[[], object]]:
    return {"template": "hello"}, lambda: world.api._open("PUT", "/api/v1/templates/hello", {"json": NEEDY})


def account_deleted(world: World) -> tuple[Fields, Callable[[], object]]:
    account = world.account()
    return {"account": account}, lambda: world.api.delete(f"/api/v1/accounts/{account}")


def key_bound_to_another_address(world: World) -> tuple[Fields, Callable[[], object]]:
    return {"from": "ann@example.com"}, lambda: world.bind(allowed_from=["shop@example.com"])


def key_bound_to_another_account(world: World) -> tuple[Fields, Callable[[], object]]:
    first, other = world.account(), world.account()
    return {"account": first}, lambda: world.bind(allowed_accounts=[other])


def day_used_up(world: World) -> tuple[Fields, Callable[[], object]]:
    def submit_what_may_be() -> None:
        world.bind(daily_limit=1)
        world.program.post(MESSAGES, letter())

    return {}, submit_what_may_be


def disk_low(world: World) -> tuple[Fields, Callable[[], object]]:
    return {}, lambda: setattr(world.core.services.capacity, "_floor", 1 << 62)


def disk_low_for_a_file(world: World) -> tuple[Fields, Callable[[], object]]:
    return {"attachments": [FILE]}, disk_low(world)[1]


def queue_full(world: World) -> tuple[Fields, Callable[[], object]]:
    return {}, lambda: setattr(world.core.services.capacity, "_limit", 1)


def files_of_that_type_not_taken(world: World) -> tuple[Fields, Callable[[], object]]:
    return {"attachments": [FILE]}, lambda: world.limit(attachment_types=("application/pdf",))


def fewer_recipients_taken(world: World) -> tuple[Fields, Callable[[], object]]:
    return {"bcc": ["eve@example.com"]}, lambda: world.limit(recipients=1)


CHANGES = (
    *(upload_deleted, upload_expired, template_deleted, template_wants_more, account_deleted),
    *(key_bound_to_another_address, key_bound_to_another_account, day_used_up),
    *(disk_low, disk_low_for_a_file, queue_full, files_of_that_type_not_taken),
)


def assert_replayed(world: World, path: str, body: Fields, first: TestResponse) -> None:
    again = world.program.post(path, body, headers=KEY)

    assert again.status_code == 202, again.text
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replay"] == "true"


def of_name(one: Any) -> str:
    return str(one.__name__).replace("_", " ")


@pytest.mark.parametrize("form", FORMS, ids=of_name)
@pytest.mark.parametrize("change", CHANGES, ids=of_name)
def test_first_answer_is_given_again_whatever_has_changed(
    world: World,
    form: Callable[[Fields], tuple[str, Fields]],
    change: Callable[[World], tuple[Fields, Callable[[], object]]],
) -> None:
    fields, happen = change(world)
    path, body = form(fields)
    first = world.program.post(path, body, headers=KEY)
    assert first.status_code == 202, first.text

    happen()

    assert world.program.post(path, body).status_code >= 400  # who asks for the first time is refused by now
    assert_replayed(world, path, body, first)


def test_message_of_more_recipients_than_are_taken_by_now_is_replayed(world: World) -> None:
    fields, happen = fewer_recipients_taken(world)
    path, body = a_message(fields)
    first = world.program.post(path, body, headers=KEY)

    happen()

    assert world.program.post(path, body).status_code == 422
    assert_replayed(world, path, body, first)


@pytest.mark.parametrize("form", [a_batch, a_batch_of_a_template], ids=of_name)
def test_batch_that_is_larger_than_is_taken_by_now_is_replayed(
    world: World, form: Callable[[Fields], tuple[str, Fields]]
) -> None:
    path, body = form({})
    first = world.program.post(path, body, headers=KEY)

    world.limit(batch_messages=1)

    assert world.program.post(path, body).status_code == 422
    assert_replayed(world, path, body, first)


@pytest.mark.parametrize("change", [disk_low, queue_full], ids=of_name)
def test_job_is_found_again_when_there_is_no_room_for_mail(
    world: World, change: Callable[[World], tuple[Fields, Callable[[], object]]]
) -> None:
    path, body = f"{MESSAGES}/bulk", {"action": "cancel", "all": True}
    first = world.program.post(path, body, headers=KEY)

    change(world)[1]()

    assert_replayed(world, path, body, first)


def test_replay_while_the_box_is_paused(world: World) -> None:
    first = world.program.post(MESSAGES, letter(), headers=KEY)

    assert world.api.post("/api/v1/box/pause").status_code == 200

    assert_replayed(world, MESSAGES, letter(), first)


def test_replay_counts_for_no_quota(world: World) -> None:
    world.bind(daily_limit=2)
    first = world.program.post(MESSAGES, letter(), headers=KEY)

    assert_replayed(world, MESSAGES, letter(), first)

    assert world.program.post(MESSAGES, letter()).headers["Quota-Remaining"] == "0"
    assert world.program.post(MESSAGES, letter()).status_code == 429


def test_replay_leaves_no_file_behind(world: World) -> None:
    """The message and its file are gone meanwhile; the repetition brings the file along once more."""
    path, body = a_message({"attachments": [FILE]})
    first = world.program.post(path, body, headers=KEY)
    kept = world.core.services.attachments._files
    [file] = [one for one in kept._directory.rglob("*") if one.is_file()]
    file.unlink()

    assert_replayed(world, path, body, first)

    assert not file.exists()


@pytest.mark.parametrize(
    "other",
    [
        {"id": "att_other"},
        {**FILE, "content": base64.b64encode(b"hullo").decode()},
        {**FILE, "filename": "b.txt"},
        {**FILE, "content_id": "logo"},
    ],
)
def test_another_file_is_another_message(world: World, other: Fields) -> None:
    world.program.post(MESSAGES, letter(attachments=[FILE]), headers=KEY)

    problem_of(world.program.post(MESSAGES, letter(attachments=[other]), headers=KEY), 409, "idempotency_key_reused")


def test_same_bytes_written_otherwise_are_the_same_file(world: World) -> None:
    first = world.program.post(MESSAGES, letter(attachments=[FILE]), headers=KEY)
    broken_up = {**FILE, "content": f"{FILE['content'][:3]}\r\n{FILE['content'][3:]}\n"}

    assert_replayed(world, MESSAGES, letter(attachments=[broken_up]), first)


def test_wrong_message_with_a_key_that_was_used_is_told_what_is_wrong(world: World) -> None:
    """Its fields are looked at first: what is no message is no other message either."""
    world.program.post(MESSAGES, letter(), headers=KEY)

    problem_of(world.program.post(MESSAGES, letter(to=["ann"]), headers=KEY), 422, "invalid_fields")


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("levels", [100, 300, 480, 600, 900])
def test_variables_of_many_levels_are_answered_with_a_key_as_without(world: World, levels: int) -> None:
    body = {"to": ["ann@example.com"], "template": "nope", "variables": {"x": nested(levels)}}

    without, with_key = world.program.post(MESSAGES, body), world.program.post(MESSAGES, body, headers=KEY)

    assert (without.status_code, with_key.status_code) == (422, 422)
