"""What one can do about a server, where the sentence itself does not say it."""

import pytest

from appliance.services.account_advice import advice


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Cannot connect to smtp.example.com:25: Connection refused.", "many block port 25"),
        ("smtp.example.com:25 did not answer within 10 s.", "many block port 25"),
        ("The certificate of smtp.example.com is not trusted: certificate has expired.", "prove who it is"),
        ("smtp.example.com refused STARTTLS: 454 not now", "do not agree on the encryption"),
        ("smtp.example.com refused the sender shop@example.com: 553 not yours", "may not send from this address"),
    ],
)
def test_what_can_be_mended_is_said(reason: str, words: str) -> None:
    assert words in advice(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "smtp.example.com refused the login: 535 5.7.8 no",
        "The name smtp.example.com cannot be resolved: no such name. Check the host.",
        "It broke off.",
    ],
)
def test_where_there_is_nothing_to_add_nothing_is_said(reason: str) -> None:
    assert advice(reason) == ""
