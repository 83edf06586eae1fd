"""The built-in mailbox, shown."""

from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.db.models import KeptMail
from appliance.db.queries import mailbox, messages
from appliance.services.mail_reading import LARGEST_READ
from tests.factories import account_form
from tests.smtp_sink import SmtpSink
from tests.web.admin.conftest import Keep, Submit
from tests.web.conftest import submit


def mail(subject: str = "Your invoice") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Shop <shop@example.com>"
    message["To"] = "ann@example.com"
    message.set_content("plain text")
    message.add_alternative("<p>rich text</p><script>alert(1)</script>", subtype="html")
    return message


def test_an_empty_mailbox_says_what_to_do(alice: FlaskClient) -> None:
    assert "The mailbox is empty." in alice.get("/mailbox").text


def test_mail_is_listed_and_searched_by_subject(alice: FlaskClient, keep: Keep) -> None:
    keep(mail("Your invoice"))
    keep(mail("Your parcel"))

    page = alice.get("/mailbox?q=parcel").text

    assert "Your parcel" in page
    assert "Your invoice" not in page


def test_a_mail_shows_its_envelope_with_those_in_bcc(alice: FlaskClient, keep: Keep) -> None:
    mail_id = keep(mail(), "ann@example.com", "hidden@example.com")

    page = alice.get(f"/mailbox/{mail_id}").text

    assert "ann@example.com, hidden@example.com" in page
    assert "plain text" in page
    assert "Shop &lt;shop@example.com&gt;" in page
    assert "alert(1)</script>" not in page


def test_its_html_is_shown_in_a_frame_that_nothing_gets_out_of(alice: FlaskClient, keep: Keep) -> None:
    mail_id = keep(mail())

    answer = alice.get(f"/mailbox/{mail_id}/html")

    assert "<p>rich text</p>" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; img-src data:;")
    assert (
        f'sandbox title="The HTML of this mail" src="/mailbox/{mail_id}/html"' in alice.get(f"/mailbox/{mail_id}").text
    )


def test_an_attachment_is_downloaded_and_never_shown(alice: FlaskClient, keep: Keep) -> None:
    message = mail()
    message.add_attachment("<script>alert(1)</script>", "html", filename='evil "name".html')
    mail_id = keep(message)

    answer = alice.get(f"/mailbox/{mail_id}/attachments/0")

    assert answer.text.strip() == "<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_attachment_that_is_not_there_is_a_404(alice: FlaskClient, keep: Keep) -> None:
    mail_id = keep(mail())

    assert alice.get(f"/mailbox/{mail_id}/attachments/0").status_code == 404
    assert alice.get("/mailbox/mail_none/attachments/0").status_code == 404


def test_the_source_is_downloaded_whole(alice: FlaskClient, keep: Keep) -> None:
    message = mail()
    message.add_attachment(b"x" * LARGEST_READ, "application", "octet-stream", filename="large.bin")
    mail_id = keep(message)

    page = alice.get(f"/mailbox/{mail_id}").text
    answer = alice.get(f"/mailbox/{mail_id}/source")

    assert "only its first part is shown" in page
    assert "(in the download only)" in page
    assert answer.data == message.as_bytes()
    assert answer.headers["Content-Type"] == "message/rfc822"


def test_emptying_removes_everything(alice: FlaskClient, keep: Keep) -> None:
    keep(mail())
    keep(mail())

    answer = submit(alice, "/mailbox/empty", {}, form_at="/mailbox")

    page = alice.get(answer.headers["Location"]).text
    assert "Mails removed: 2" in page
    assert "The mailbox is empty." in page


def test_mail_is_found_by_an_address(alice: FlaskClient, keep: Keep) -> None:
    keep(mail("One"), "bob@example.com")
    keep(mail("Two"), "carol@example.com")

    page = alice.get("/mailbox?q=BOB@").text

    assert "One" in page
    assert "Two" not in page


def test_a_search_goes_on_where_it_ended(alice: FlaskClient, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MOST_LOOKED_AT", 2)
    keep(mail("the wanted one"))
    for _ in range(3):
        keep(mail("another"))

    page = alice.get("/mailbox?q=wanted").text
    further = page.partition("None of the mails")[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")

    assert "the wanted one" in alice.get(further).text


def test_one_mail_is_deleted(alice: FlaskClient, keep: Keep) -> None:
    mail_id = keep(mail("One"))
    keep(mail("Two"))

    answer = submit(alice, f"/mailbox/{mail_id}/delete", {}, form_at=f"/mailbox/{mail_id}")

    page = alice.get(answer.headers["Location"]).text
    assert "The mail is removed from the mailbox." in page
    assert "One</a>" not in page
    assert "Two</a>" in page


def test_a_mail_is_released_through_a_real_account(
    alice: FlaskClient, keep: Keep, submit_message: Submit, core: Core, sink: SmtpSink
) -> None:
    mail_id, message_id = keep(mail()), submit_message(subject="Your invoice")
    account = core.services.sender_accounts.create(account_form(sink))
    with core.database.read() as session:
        rfc_message_id = messages.detail(session, message_id).message.rfc_message_id  # type: ignore[union-attr]
    core.database.write(lambda session: name_message(session, mail_id, rfc_message_id))

    page = alice.get(f"/mailbox/{mail_id}").text
    answer = submit(
        alice, f"/mailbox/{mail_id}/release", {"account": account, "once": "1"}, form_at=f"/mailbox/{mail_id}"
    )

    assert f'<option value="{account}" selected>' in page
    released = alice.get(answer.headers["Location"]).text
    assert "The mail goes to its recipients as this new message" in released
    assert rfc_message_id.strip("<>") in released


def test_a_release_offers_first_what_can_send_and_says_how_each_account_stands(
    alice: FlaskClient, keep: Keep, core: Core, sink: SmtpSink
) -> None:
    mail_id = keep(mail())
    paused = core.services.sender_accounts.create(account_form(sink, name="Old relay", priority=10))
    core.services.sender_accounts.pause(paused)
    full = core.services.sender_accounts.create(account_form(sink, name="Newsletter", priority=5, daily_limit=0))
    ready = core.services.sender_accounts.create(account_form(sink))

    offered = alice.get(f"/mailbox/{mail_id}").text.partition('name="account"')[2].partition("</select>")[0]

    assert f'<option value="{ready}" selected>Shop (shop@example.com) · Ready</option>' in offered
    assert f'<option value="{paused}">Old relay (shop@example.com) · Paused</option>' in offered
    assert f'<option value="{full}">Newsletter (shop@example.com) · Daily limit reached</option>' in offered
    assert offered.count("selected") == 1


def test_a_mail_whose_message_is_no_longer_kept_is_released_as_well(
    alice: FlaskClient, keep: Keep, core: Core, sink: SmtpSink
) -> None:
    mail_id = keep(mail())
    account = core.services.sender_accounts.create(account_form(sink))

    answer = submit(alice, f"/mailbox/{mail_id}/release", {"account": account}, form_at=f"/mailbox/{mail_id}")

    assert "The mail goes to its recipients as this new message" in alice.get(answer.headers["Location"]).text


def test_a_release_that_cannot_be_says_why(alice: FlaskClient, keep: Keep) -> None:
    mail_id = keep(mail())

    answer = submit(alice, f"/mailbox/{mail_id}/release", {"account": "acc_mailbox"}, form_at=f"/mailbox/{mail_id}")

    assert "Choose a sender account that sends to a server." in alice.get(answer.headers["Location"]).text


def name_message(session: Session, mail_id: str, rfc_message_id: str) -> None:
    session.get_one(KeptMail, mail_id).rfc_message_id = rfc_message_id
