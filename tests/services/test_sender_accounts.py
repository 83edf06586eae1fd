from datetime import UTC, datetime, timedelta

import gevent
import pytest

from appliance.db.models import AccountDay, Event, SenderAccount
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.services.sender_accounts import AccountForm, check
from tests.factories import account_form
from tests.services.conftest import Chain, fake_of
from tests.smtp_sink import SmtpSink


def wrong_fields(form: AccountForm) -> set[str]:
    with pytest.raises(InvalidInput) as raised:
        check(form)
    return {error.field for error in raised.value.errors}


def history(chain: Chain) -> dict[tuple[str, str], int]:
    with chain.database.read() as session:
        return {(day.account_id, day.day): day.sent for day in session.query(AccountDay)}


def test_every_wrong_field_is_named_at_once() -> None:
    form = AccountForm(
        name=" ",
        email="no address",
        transport="pigeon",
        host="",
        port=70000,
        security="maybe",
        password="secret",
        daily_limit=-1,
        priority=5000,
    )

    assert wrong_fields(form) == {
        "name",
        "email",
        "transport",
        "security",
        "port",
        "username",
        "daily_limit",
        "priority",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", ""),
        ("host", "smtp.example.com\r\nRCPT"),
        ("host", "smtp example"),
        ("host", "x" * 254),
        ("name", "Shop\r\nBcc: eve@example.com"),
        ("name", "x" * 201),
        ("email", "shop"),
        ("email", "shop@example.com>"),
        ("port", 0),
        ("daily_limit", 2_000_000_001),
        ("priority", -1001),
    ],
)
def test_wrong_value_is_refused(field: str, value: object) -> None:
    assert wrong_fields(account_form(**{field: value})) == {field}


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_usual_port_follows_from_the_security(security: str, port: int) -> None:
    assert check(account_form(security=security, port=None)).port == port


def test_mailbox_account_needs_no_host() -> None:
    assert check(AccountForm("Box", "box@example.com", transport="mailbox")).host == ""


def test_new_account_is_stored_canonical_and_its_password_encrypted(chain: Chain) -> None:
    account = chain.sender(chain.account(email="shop@EXAMPLE.com", name=" Shop ", username="u", password="secret"))

    assert (account.email, account.name) == ("shop@example.com", "Shop")
    assert "secret" not in account.password_encrypted
    assert chain.vault.decrypt(account.password_encrypted) == "secret"


@pytest.mark.parametrize("password", [None, ""])
def test_empty_password_keeps_the_stored_one(chain: Chain, password: str | None) -> None:
    account = chain.account(username="u", password="secret")

    chain.accounts.change(account, {"password": password, "name": "New name"})

    assert chain.vault.decrypt(chain.sender(account).password_encrypted) == "secret"
    assert chain.sender(account).name == "New name"


def test_new_password_replaces_the_stored_one(chain: Chain) -> None:
    account = chain.account(username="u", password="secret")

    chain.accounts.change(account, {"password": "other"})

    assert chain.vault.decrypt(chain.sender(account).password_encrypted) == "other"


def test_removing_the_username_removes_the_password(chain: Chain) -> None:
    account = chain.account(username="u", password="secret")

    chain.accounts.change(account, {"username": ""})

    assert chain.sender(account).password_encrypted == ""


def test_change_of_security_takes_the_usual_port_unless_one_is_named(chain: Chain) -> None:
    account = chain.account(port=2525, security="none")

    chain.accounts.change(account, {"security": "tls"})
    assert chain.sender(account).port == 465
    chain.accounts.change(account, {"security": "starttls", "port": 2587})
    assert chain.sender(account).port == 2587
    chain.accounts.change(account, {"name": "Other"})
    assert chain.sender(account).port == 2587


def test_wrong_change_changes_nothing(chain: Chain) -> None:
    account = chain.account()

    with pytest.raises(InvalidInput):
        chain.accounts.change(account, {"name": "New name", "port": 0})

    assert chain.sender(account).name == "Shop"


def test_change_forgets_the_breaker(chain: Chain) -> None:
    account = chain.account()
    until = chain.clock() + timedelta(minutes=5)
    chain.database.write(lambda s: setattr(s.get(SenderAccount, account), "breaker_until", until))

    chain.accounts.change(account, {"host": "other.example"})

    assert chain.sender(account).breaker_until is None


def test_paused_account_holds_its_mail_until_it_is_resumed(faked: Chain) -> None:
    account = faked.account()
    faked.accounts.pause(account)
    message = faked.submit()
    faked.turn()
    assert (faked.status(message), faked.detail(message).message.due_at) == ("held", None)
    assert "is paused; resume one under Sender accounts" in faked.explanation(message)

    faked.accounts.resume(account)
    faked.turn()

    assert faked.status(message) == "sent"


def test_new_account_releases_what_was_held_for_one(chain: Chain, sink: SmtpSink) -> None:
    chain.account(daily_limit=0)
    message = chain.submit()
    chain.turn()
    assert chain.status(message) == "held"

    chain.account(sink)
    chain.turn()

    assert chain.status(message) == "sent"


def test_raised_limit_releases_what_was_held(faked: Chain) -> None:
    account = faked.account(daily_limit=1)
    for _ in range(3):
        faked.submit()
    faked.turn()
    assert faked.statuses() == {"sent": 1, "held": 2}

    faked.accounts.change(account, {"daily_limit": 2})
    faked.turn()

    assert faked.statuses() == {"sent": 2, "held": 1}


def test_deleted_account_is_gone_but_its_history_stays(chain: Chain) -> None:
    account = chain.account(username="u", password="secret")

    chain.accounts.delete(account)

    assert account not in [one.id for one in chain.active_accounts()]
    assert (chain.sender(account).active, chain.sender(account).password_encrypted) == (False, "")
    for verb in (chain.accounts.delete, chain.accounts.pause, chain.accounts.resume):
        with pytest.raises(NotFound):
            verb(account)
    with pytest.raises(NotFound):
        chain.accounts.change(account, {"name": "x"})


def test_built_in_mailbox_cannot_be_deleted_and_is_made_once(chain: Chain) -> None:
    chain.accounts.change(BUILT_IN_MAILBOX_ID, {"name": "My mailbox"})

    chain.accounts.ensure_built_in_mailbox("other@box.example")

    assert chain.sender(BUILT_IN_MAILBOX_ID).name == "My mailbox"
    with pytest.raises(WrongState, match="steps aside"):
        chain.accounts.delete(BUILT_IN_MAILBOX_ID)


def test_close_of_the_day_writes_history_and_releases_what_was_held(faked: Chain) -> None:
    account = faked.account(daily_limit=2)
    for _ in range(3):
        faked.submit()
    faked.turn()
    faked.clock.now = datetime(2026, 3, 11, tzinfo=UTC)

    result = faked.accounts.close_day()

    assert result == {"day": "2026-03-11", "accounts": 1, "released": 1}
    assert history(faked) == {(account, "2026-03-10"): 2}
    assert faked.sent_today(account) == 0
    faked.turn()
    assert faked.statuses() == {"sent": 3}


def test_close_of_the_day_twice_changes_nothing(faked: Chain) -> None:
    account = faked.account()
    faked.submit()
    faked.turn()
    faked.clock.advance(days=1)
    faked.accounts.close_day()
    faked.submit()
    faked.turn()

    faked.accounts.close_day()

    assert history(faked) == {(account, "2026-03-10"): 1}
    assert faked.sent_today(account) == 1


def test_release_looks_at_each_held_message_once_while_others_hold_them_again(faked: Chain) -> None:
    resting = faked.account()
    until = faked.clock() + timedelta(minutes=5)
    faked.database.write(lambda s: setattr(s.get(SenderAccount, resting), "breaker_until", until))
    for _ in range(1200):
        faked.submit()
    faked.turn()
    assert faked.statuses() == {"held": 1200}
    stopped = False

    def dispatch() -> None:
        while not stopped:
            faked.outbox.claim(4, 4)

    dispatcher = gevent.spawn(dispatch)
    with gevent.Timeout(20):
        released = faked.messages.release_held(["breaker"])
    stopped = True
    dispatcher.join()

    assert released == 1200
    assert fake_of(faked, resting).envelopes == []


def test_pause_and_resume_are_told_once_each_however_they_came(chain: Chain) -> None:
    one = chain.account()

    for _ in range(2):
        chain.accounts.pause(one)
    chain.accounts.change(one, {"active": True})
    chain.accounts.resume(one)
    chain.accounts.change(one, {"active": False})

    with chain.database.read() as session:
        told = [event.kind for event in session.query(Event).order_by(Event.id)]
    assert told == ["account.paused", "account.resumed", "account.paused"]
