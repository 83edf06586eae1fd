"""The list of messages as a file for a spreadsheet."""

import csv
import io

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import DeliveryAttempt
from appliance.services.intake import Address
from appliance.services.sender_accounts import AccountForm
from appliance.web.admin import message_export
from appliance.web.admin.message_export import BYTE_ORDER_MARK, COLUMNS
from tests.web.admin.conftest import Submit


def rows(text: str) -> list[dict[str, str]]:
    assert text.startswith(BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))


def test_what_matches_is_exported_and_nothing_else(alice: FlaskClient, submit_message: Submit) -> None:
    wanted = submit_message(
        subject="您的发票, “1041”",
        tags=("shop", "vip"),
        cc=(Address("bob@example.com"),),
        bcc=(Address("eve@example.com"),),
    )
    submit_message(subject="another one")

    answer = alice.get("/messages/export.csv?tag=shop")

    [row] = rows(answer.text)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=messages-")
    assert tuple(row) == COLUMNS
    assert (row["id"], row["status"], row["subject"]) == (wanted, "queued", "您的发票, “1041”")
    assert (row["to"], row["cc"], row["bcc"]) == ("ann@example.com", "bob@example.com", "eve@example.com")
    assert row["tags"] == "shop vip"


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_nothing_of_it(alice: FlaskClient, submit_message: Submit, beginning: str) -> None:
    submit_message(subject="x", tags=(f"{beginning}HYPERLINK(1)",))

    [row] = rows(alice.get("/messages/export.csv").text)

    assert row["tags"] == f"'{beginning}HYPERLINK(1)"


def test_it_is_read_page_after_page(
    alice: FlaskClient, submit_message: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_export, "PAGE", 2)
    ids = [submit_message(subject=f"number {number}") for number in range(5)]

    answer = alice.get("/messages/export.csv?q=number")
    pieces = [bytes(piece) for piece in answer.iter_encoded()]

    assert len(pieces) > 2
    assert [row["id"] for row in rows(b"".join(pieces).decode())] == ids[::-1]


def test_the_address_it_went_out_from_stands_there_when_the_message_named_none(
    alice: FlaskClient, core: Core, submit_message: Submit
) -> None:
    tried, own, waits = submit_message(), submit_message(sender=Address("news@example.com")), submit_message()
    account = core.services.sender_accounts.create(
        AccountForm(name="Shop", email="shop@example.com", transport="smtp", host="smtp.example.com")
    )
    for message_id in (tried, own):
        add_attempt(core, message_id, account)
    core.services.sender_accounts.delete(account)

    found = {row["id"]: row["from"] for row in rows(alice.get("/messages/export.csv").text)}

    assert found == {tried: "shop@example.com", own: "news@example.com", waits: ""}


def add_attempt(core: Core, message_id: str, account_id: str) -> None:
    attempt = DeliveryAttempt(
        message_id=message_id,
        number=1,
        claim_id="clm_1",
        account_id=account_id,
        account_name="Shop",
        outcome="sent",
        started_at=utc_now(),
    )
    core.database.write(lambda session: session.add(attempt))
