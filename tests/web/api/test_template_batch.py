import base64
from pathlib import Path
from typing import Any

import pytest

from appliance.bootstrap import Core
from appliance.config.settings import LimitsSettings, Settings
from appliance.db.queries import messages
from tests.web.api.letters import MESSAGES, ids, letter
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient

BATCH = f"{MESSAGES}/batch"
TEMPLATES = "/api/v1/templates"
INVOICE = {
    "slug": "invoice",
    "name": "Invoice",
    "subject": "Invoice {{ number }}",
    "text": "Hello {{ name }}, invoice {{ number }} is ready.",
    "variables": [
        {"name": "name", "type": "string", "default": "there"},
        {"name": "number", "type": "integer", "description": "Of the invoice."},
    ],
    "locales": {"de": {"subject": "Rechnung {{ number }}", "text": "Guten Tag {{ name }}."}},
}


@pytest.fixture(autouse=True)
def template(api: ApiClient) -> None:
    assert api.post(TEMPLATES, INVOICE).status_code == 201


def to(name: str, number: Any = 7, **fields: Any) -> dict[str, Any]:
    return {"to": f"{name}@example.com", "variables": {"name": name, "number": number}} | fields


def batch(*recipients: Any, **fields: Any) -> dict[str, Any]:
    return {"template": "invoice", "recipients": list(recipients)} | fields


def attached(name: str, content: bytes) -> dict[str, str]:
    return {"filename": name, "content": base64.b64encode(content).decode()}


def accepted(api: ApiClient, body: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Each message, once all were accepted."""
    answer = api.post(BATCH, body, **options)
    assert answer.status_code == 202, answer.text
    results = answer.get_json()["results"]
    assert all("id" in one for one in results), answer.text
    return [api.get(f"{MESSAGES}/{one['id']}").get_json() for one in results]


def stored(core: Core) -> int:
    with core.database.read() as session:
        return sum(messages.counts_by_status(session).values())


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "attachments").glob("**/*") if path.is_file()]


def test_each_recipient_gets_a_message_of_its_own(api: ApiClient) -> None:
    made = accepted(api, batch(to("ann", 1), to("bob", 2)))

    assert [one["subject"] for one in made] == ["Invoice 1", "Invoice 2"]
    assert made[1]["text"] == "Hello bob, invoice 2 is ready."
    assert [[address["email"] for address in one["to"]] for one in made] == [["ann@example.com"], ["bob@example.com"]]
    assert all(one["template"] == {"slug": "invoice", "version": 1, "locale": None} for one in made)
    assert [one["id"] for one in made] == list(reversed(ids(api)))


def test_recipient_can_be_many_addresses(api: ApiClient) -> None:
    both = ["Ann <ann@example.com>", {"email": "bob@example.com"}]

    [made] = accepted(api, batch({"to": both, "cc": ["eve@example.com"], "variables": {"number": 1}}))

    assert [one["email"] for one in made["to"]] == ["ann@example.com", "bob@example.com"]
    assert [one["email"] for one in made["cc"]] == ["eve@example.com"]


def test_what_they_share_goes_with_every_message(api: ApiClient) -> None:
    common = {
        "from": "Shop <shop@example.com>",
        "reply_to": ["help@example.com"],
        "tags": ["invoice"],
        "priority": "low",
        "account": "acc_mailbox",
        "headers": {"X-Campaign": "november"},
        "metadata": {"run": 11},
    }

    for made in accepted(api, batch(to("ann"), to("bob"), **common)):
        assert made["from"] == {"email": "shop@example.com", "name": "Shop"}
        assert (made["tags"], made["priority"], made["account"]) == (["invoice"], "low", "acc_mailbox")
        assert (made["headers"], made["metadata"]) == ({"X-Campaign": "november"}, {"run": 11})


def test_what_a_recipient_brings_goes_before_what_they_share(api: ApiClient) -> None:
    own: dict[str, Any] = {"headers": {"x-campaign": "late"}, "metadata": {"order": 1}, "locale": "de-AT-1996"}
    own["variables"] = {"number": 2}
    common = {"headers": {"X-Campaign": "november"}, "metadata": {"run": 11, "order": 0}, "variables": {"name": "all"}}

    first, second = accepted(api, batch(to("ann", 1), {"to": "bob@example.com", **own}, **common))

    assert (first["subject"], second["subject"]) == ("Invoice 1", "Rechnung 2")
    assert second["text"] == "Guten Tag all."
    assert second["headers"] == {"x-campaign": "late"}
    assert second["metadata"] == {"run": 11, "order": 1}
    assert (first["template"]["locale"], second["template"]["locale"]) == (None, "de")


def test_shared_file_is_stored_once(api: ApiClient, settings: Settings) -> None:
    own = to("bob", attachments=[attached("bob.txt", b"only for bob")])

    made = accepted(api, batch(to("ann"), own, to("eve"), attachments=[attached("terms.txt", b"the terms")]))

    assert [[file["filename"] for file in one["attachments"]] for one in made] == [
        ["terms.txt"],
        ["terms.txt", "bob.txt"],
        ["terms.txt"],
    ]
    assert len(files(settings)) == 2


def test_wrong_recipient_is_refused_alone(api: ApiClient, core: Core) -> None:
    answer = api.post(BATCH, batch(to("ann"), {"to": "bob"}, to("bob", "seven"), 7, to("eve", colour="red")))

    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["accepted"], body["refused"], stored(core)) == (1, 4, 1)
    errors = [[(one["field"], one["code"]) for one in result["error"]["errors"]] for result in body["results"][1:]]
    assert errors == [
        [("to[0]", "invalid")],
        [("variables.number", "invalid")],
        [("", "invalid")],
        [("colour", "unknown_field")],
    ]


def test_wrong_variable_is_named_with_its_recipient(api: ApiClient, core: Core) -> None:
    unknown = to("eve") | {"variables": {"numer": 1}}

    answer = api.post(BATCH, batch(to("ann"), to("bob", "x"), {"to": "eve@example.com"}, unknown, atomic=True))

    assert wrong_fields(answer) == {
        "recipients[1].variables.number": "invalid",
        "recipients[2].variables.number": "required",
        "recipients[3].variables.number": "required",
        "recipients[3].variables.numer": "unknown_field",
    }
    assert stored(core) == 0


def test_what_cannot_be_rendered_is_the_fault_of_the_variables(api: ApiClient) -> None:
    api.post(TEMPLATES, INVOICE | {"slug": "share", "text": "{{ 100 / number }}", "locales": {}})

    answer = api.post(BATCH, batch(to("ann", 0), template="share"))

    assert wrong_fields(answer) == {"recipients[0].variables": "invalid"}
    assert "divided by zero" in answer.text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"template": "no-such"}, {"template": "not_found"}),
        ({"account": "acc_none"}, {"account": "not_found"}),
        ({"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "invalid"}),
        ({"attachments": [{"id": "att_none"}]}, {"attachments[0].id": "not_found"}),
        ({"locale": "not a language"}, {"locale": "invalid"}),
        ({"tags": [""], "priority": "urgent"}, {"tags[0]": "invalid", "priority": "invalid"}),
        ({"subject": "Hello"}, {"subject": "unknown_field"}),
    ],
)
def test_what_they_share_is_named_once(
    api: ApiClient, core: Core, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = api.post(BATCH, batch(to("ann"), to("bob"), **fields))

    assert wrong_fields(answer) == expected
    assert stored(core) == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (batch(to("ann"), messages=[letter()]), {"template": "invalid", "recipients": "invalid"}),
        ({"messages": [letter()], "tags": ["a"]}, {"tags": "invalid"}),
        ({"template": "invoice"}, {"recipients": "required"}),
        ({"recipients": [to("ann")]}, {"template": "required"}),
        ({"template": "invoice", "recipients": []}, {"recipients": "invalid"}),
        ({"template": "invoice", "recipients": {}}, {"recipients": "invalid"}),
        ({"atomic": True}, {"messages": "required"}),
    ],
)
def test_body_has_one_of_the_two_forms(api: ApiClient, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert wrong_fields(api.post(BATCH, body)) == expected


def test_too_many_recipients_are_refused_with_the_limit(api: ApiClient) -> None:
    answer = api.post(BATCH, batch(*[{}] * (LimitsSettings().batch_messages + 1)))

    assert wrong_fields(answer) == {"recipients": "too_many"}
    assert "1001 recipients; the limit is 1000" in answer.text


def test_too_much_together_is_refused(api: ApiClient) -> None:
    many = {f"X-A{number}": "a" for number in range(30)}
    others = {f"X-B{number}": "a" for number in range(30)}

    answer = api.post(BATCH, batch(to("ann", headers=others, metadata={"b": "x" * 9000}), headers=many))
    large = api.post(BATCH, batch(to("ann", metadata={"b": "x" * 9000}), metadata={"a": "x" * 9000}))

    assert wrong_fields(answer) == {"recipients[0].headers": "too_many"}
    assert wrong_fields(large) == {"recipients[0].metadata": "too_large"}


def test_key_gives_the_first_answer_again_when_the_template_is_gone(api: ApiClient, core: Core) -> None:
    body, headers = batch(to("ann"), to("bob", "x")), {"Idempotency-Key": "november"}
    first = api.post(BATCH, body, headers=headers)
    api.delete(f"{TEMPLATES}/invoice")

    again = api.post(BATCH, body, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert stored(core) == 1


@pytest.mark.parametrize(
    "other",
    [batch(to("ann", 8)), batch(to("ann"), atomic=True), batch(to("ann"), tags=["a"]), {"messages": [to("ann")]}],
)
def test_key_with_another_body_is_refused(api: ApiClient, other: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "november"}
    accepted(api, batch(to("ann")), headers=headers)

    problem_of(api.post(BATCH, other, headers=headers), 409, "idempotency_key_reused")


def test_batch_of_many_is_made_from_one_version(api: ApiClient, core: Core) -> None:
    answer = api.post(BATCH, batch(*(to(f"r{number}", number) for number in range(300)), tags=["many"]))

    assert (answer.get_json()["accepted"], stored(core)) == (300, 300)
