"""The steps of the first run, each by itself."""

import re
import shlex

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.config import browser_settings
from appliance.db.queries import access, accounts, messages
from appliance.services.first_run import ESSENTIAL
from appliance.services.provider_presets import PRESETS
from appliance.web.context import WebContext
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until
from tests.web.conftest import MakePerson, filled_in, submit


def account_fields(sink: SmtpSink, **changes: str) -> dict[str, str]:
    fields = {
        "name": "Shop",
        "email": "shop@example.com",
        "transport": "smtp",
        "host": "127.0.0.1",
        "port": str(sink.port),
        "security": "none",
        "username": "shop",
        "password": "the secret of shop",
        "daily_limit": "100",
    }
    return fields | changes


def try_account(alice: FlaskClient, fields: dict[str, str]) -> str:
    """The page of the test, once it has ended."""
    answer = submit(alice, "/welcome/account?preset=custom", fields, form_at="/welcome/account?preset=custom")
    assert answer.status_code == 302, answer.text
    path = answer.headers["Location"]
    wait_until(lambda: 'data-refresh-seconds="0"' in alice.get(path).text)
    return alice.get(path).text


def senders(core: Core) -> list[str]:
    with core.database.read() as session:
        return [one.name for one in accounts.by_priority(session) if one.transport == "smtp"]


def test_the_steps_say_what_is_done_and_each_leads_on(alice: FlaskClient) -> None:
    page = alice.get("/welcome").text

    assert page.count("Do it") == 4
    for path in ("place", "account", "key", "message"):
        assert f'href="/welcome/{path}"' in page
        assert ">Later<" in alice.get(f"/welcome/{path}").text or path == "account"


def test_the_overview_leads_back_until_it_is_done_or_dismissed(alice: FlaskClient, make_person: MakePerson) -> None:
    assert "Go on with the first steps" in alice.get("/").text
    assert "Go on with the first steps" not in make_person("carol", "viewer").get("/").text

    submit(alice, "/welcome/dismiss", {}, form_at="/welcome/key")

    assert "Go on with the first steps" not in alice.get("/").text


def can_send(core: Core) -> None:
    for step in ESSENTIAL:
        core.services.first_run.finish(step)


def test_the_overview_says_quietly_what_is_left_when_mail_can_be_sent(alice: FlaskClient, core: Core) -> None:
    can_send(core)

    page = alice.get("/").text
    assert "One first step is left" in page
    assert 'href="/welcome/place"' in page
    assert "Go on with the first steps" not in page

    answer = submit(alice, "/welcome/place", {"timezone": "UTC", "public_url": ""}, form_at="/welcome/place")
    assert answer.headers["Location"] == "/settings"
    assert "One first step is left" not in alice.get("/").text


def test_what_is_left_can_be_dismissed(alice: FlaskClient, core: Core) -> None:
    can_send(core)

    submit(alice, "/welcome/dismiss", {}, form_at="/welcome/key")

    assert "One first step is left" not in alice.get("/").text


def test_what_the_configuration_has_is_no_step_that_is_left(
    alice: FlaskClient, core: Core, web_context: WebContext
) -> None:
    can_send(core)
    sources = {"appliance.timezone": "config.ini, line 3", "appliance.public_url": "APPLIANCE_PUBLIC_URL"}
    object.__setattr__(web_context, "sources", sources)

    assert "One first step is left" not in alice.get("/").text


def test_time_zone_and_address_are_kept_for_the_next_start(alice: FlaskClient, core: Core) -> None:
    fields = {"timezone": "Asia/Shanghai", "public_url": "https://mail.example.com/"}

    answer = submit(alice, "/welcome/place", fields, form_at="/welcome/place")

    assert answer.headers["Location"] == "/welcome/account"
    assert browser_settings.read(core.data_dir.path) == {
        ("appliance", "timezone"): "Asia/Shanghai",
        ("appliance", "public_url"): "https://mail.example.com",
    }
    page = alice.get("/welcome/place").text
    assert "In force: UTC; after the next restart: Asia/Shanghai." in page
    assert '<option value="Asia/Shanghai" selected>' in page


def test_what_was_chosen_already_needs_no_restart(alice: FlaskClient) -> None:
    submit(alice, "/welcome/place", {"timezone": "UTC", "public_url": ""}, form_at="/welcome/place")

    assert "after the next restart:" not in alice.get("/welcome/place").text


def test_the_command_with_a_new_key_names_an_address_at_once(alice: FlaskClient) -> None:
    fields = {"timezone": "UTC", "public_url": "https://mail.example.com"}
    submit(alice, "/welcome/place", fields, form_at="/welcome/place")

    page = submit(alice, "/welcome/key", {"name": "webshop"}, form_at="/welcome/key").text

    assert "curl https://mail.example.com/api/v1/messages" in page
    assert "put <code>http://localhost</code> in its place" in page  # for that may not be reached yet


def test_a_key_that_is_made_twice_is_there_once(alice: FlaskClient, core: Core) -> None:
    form = filled_in(alice, "/welcome/key", {"name": "webshop"})

    answers = [alice.post("/welcome/key", data=form).status_code for _ in range(2)]

    assert answers == [201, 409]
    with core.database.read() as session:
        assert len(access.api_keys(session)) == 1


def test_once_the_first_run_is_over_the_choice_leads_back_to_the_settings(alice: FlaskClient) -> None:
    submit(alice, "/welcome/dismiss", {}, form_at="/welcome/key")

    answer = submit(alice, "/welcome/place", {"timezone": "UTC", "public_url": ""}, form_at="/welcome/place")

    assert answer.headers["Location"] == "/settings"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"timezone": "Mars/Olympus", "public_url": ""}, "Choose a time zone"),
        ({"timezone": "UTC", "public_url": "mail.example.com"}, "public_url-error"),
        ({"timezone": "UTC", "public_url": "https://mail.example.com\nhost = evil"}, "public_url-error"),
        ({"timezone": "UTC", "public_url": "javascript:alert(1)"}, "public_url-error"),
    ],
)
def test_a_wrong_place_is_refused(alice: FlaskClient, core: Core, fields: dict[str, str], field: str) -> None:
    answer = submit(alice, "/welcome/place", fields, form_at="/welcome/place")

    assert answer.status_code == 422
    assert field in answer.text
    assert browser_settings.read(core.data_dir.path) == {}


def test_a_value_of_the_configuration_is_shown_and_not_changed(
    alice: FlaskClient, core: Core, web_context: object
) -> None:
    sources = {"appliance.timezone": "config.ini, line 3"}
    object.__setattr__(web_context, "sources", sources)

    page = alice.get("/welcome/place").text
    assert "config.ini, line 3" in page
    assert 'name="timezone"' not in page
    submit(alice, "/welcome/place", {"timezone": "Asia/Shanghai", "public_url": ""}, form_at="/welcome/place")

    assert browser_settings.read(core.data_dir.path)["appliance", "timezone"] == "UTC"


@pytest.mark.parametrize("key", [one.key for one in PRESETS])
def test_every_preset_fills_the_form_in(alice: FlaskClient, key: str) -> None:
    preset = next(one for one in PRESETS if one.key == key)

    page = alice.get(f"/welcome/account?preset={key}").text

    assert f'value="{preset.host}"' in page or not preset.host
    assert preset.password_hint.split(",")[0][:30] in page


def test_an_account_that_works_is_added_and_its_dialogue_shown(alice: FlaskClient, core: Core, sink: SmtpSink) -> None:
    page = try_account(alice, account_fields(sink))

    assert "The server let us in." in page
    assert "EHLO" in page
    assert "235" in page
    assert "the secret of shop" not in page
    assert senders(core) == ["Shop"]


def test_an_account_that_does_not_work_is_not_added_unless_one_insists(
    alice: FlaskClient, core: Core, sink: SmtpSink
) -> None:
    page = try_account(alice, account_fields(sink, password="not the secret"))

    assert "That did not work." in page
    assert "535" in page
    assert "not the secret" not in page
    assert senders(core) == []
    again = re.findall(r'href="(/welcome/account\?[^"]*again=[^"]+)"', page)[0].replace("&amp;", "&")
    form = alice.get(again).text
    assert 'value="shop@example.com"' in form
    assert "not the secret" not in form
    [keep] = re.findall(r"/welcome/account/trials/try_[a-z0-9]+/keep", page)
    for _ in range(2):
        submit(alice, keep, {}, form_at="/welcome/key")
    assert senders(core) == ["Shop"]


def test_a_field_that_is_wrong_is_told_of_before_any_server_is_asked(alice: FlaskClient, sink: SmtpSink) -> None:
    fields = account_fields(sink, email="nobody", port="70000")

    answer = submit(alice, "/welcome/account?preset=custom", fields, form_at="/welcome/account?preset=custom")

    assert answer.status_code == 422
    assert "email-error" in answer.text
    assert "port-error" in answer.text


def test_a_test_that_is_long_past_leads_back_to_the_form(alice: FlaskClient) -> None:
    answer = alice.get("/welcome/account/trials/try_gone")

    assert answer.headers["Location"] == "/welcome/account"


def test_a_key_comes_with_a_command_to_try_it(alice: FlaskClient, core: Core) -> None:
    answer = submit(alice, "/welcome/key", {"name": "webshop"}, form_at="/welcome/key")

    assert answer.status_code == 201
    secret = re.findall(r'id="secret"[^>]*>([^<]+)<', answer.text)[0]
    command = re.findall(r'id="command"[^>]*>([^<]+)<', answer.text)[0].replace("&#39;", "'").replace("&#34;", '"')
    assert f"Authorization: Bearer {secret}" in shlex.split(command.replace("\\\n", ""))
    with core.database.read() as session:
        [key] = access.api_keys(session)
    assert (key.name, key.scopes) == ("webshop", ["send", "read"])


def test_a_first_message_is_sent_and_watched(alice: FlaskClient, core: Core) -> None:
    answer = submit(alice, "/welcome/message", {"to": "ann@example.com"}, form_at="/welcome/message")

    page = alice.get(answer.headers["Location"]).text
    assert "It is under way." in page
    assert '<meta http-equiv="refresh"' in page  # for who has no script
    assert "message" in core.services.first_run.progress().done


def test_an_address_that_is_none_is_told_of(alice: FlaskClient) -> None:
    answer = submit(alice, "/welcome/message", {"to": "nobody"}, form_at="/welcome/message")

    assert answer.status_code == 422
    assert "to-error" in answer.text


def test_a_first_message_that_is_sent_twice_goes_once(alice: FlaskClient, core: Core) -> None:
    form = filled_in(alice, "/welcome/message", {"to": "ann@example.com"})

    places = {alice.post("/welcome/message", data=form).headers["Location"] for _ in range(2)}

    assert len(places) == 1
    with core.database.read() as session:
        assert sum(messages.counts_by_status(session).values()) == 1


def test_the_same_form_with_another_address_asks_before_it_sends_again(alice: FlaskClient, core: Core) -> None:
    """As after a step back in the browser."""
    form = filled_in(alice, "/welcome/message", {"to": "ann@example.com"})
    alice.post("/welcome/message", data=form)

    answer = alice.post("/welcome/message", data=form | {"to": "bob@example.com"})

    assert answer.status_code == 409
    assert "Send again to send this one too" in answer.text
    again = dict(re.findall(r'name="(csrf_token|once)" value="([^"]*)"', answer.text))
    assert alice.post("/welcome/message", data=again | {"to": "bob@example.com"}).status_code == 302
    with core.database.read() as session:
        assert sum(messages.counts_by_status(session).values()) == 2


def test_an_account_that_is_tried_twice_is_added_once(alice: FlaskClient, core: Core, sink: SmtpSink) -> None:
    form = filled_in(alice, "/welcome/account?preset=custom", account_fields(sink))

    [place] = {alice.post("/welcome/account?preset=custom", data=form).headers["Location"] for _ in range(2)}
    wait_until(lambda: 'data-refresh-seconds="0"' in alice.get(place).text)

    assert senders(core) == ["Shop"]
