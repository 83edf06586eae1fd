"""The built-in mailbox, shown."""

from email.message import EmailMessage

from flask.testing import FlaskClient

from appliance.services.mail_reading import LARGEST_READ
from tests.web.admin.conftest import Keep
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
