"""Signatures, checked by the package that the specification comes with."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from appliance.webhooks import signature

BODY = '{"type":"message.sent","data":{"subject":"Grüße"}}'.encode()


def signed(*secrets: str, at: datetime | None = None) -> dict[str, str]:
    return signature.headers("whd_1", at or datetime.now(UTC), BODY, secrets)


def test_receiver_that_knows_the_secret_is_content() -> None:
    secret = signature.new_secret()

    assert Webhook(secret).verify(BODY, signed(secret))["type"] == "message.sent"


def test_vector_of_the_specification() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)

    headers = signature.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_both_secrets_sign_while_one_replaces_the_other() -> None:
    old, new = signature.new_secret(), signature.new_secret()

    headers = signed(new, old)

    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("change", ["body", "id", "time", "secret"])
def test_what_was_changed_on_the_way_is_refused(change: str) -> None:
    secret = signature.new_secret()
    headers, body = signed(secret), BODY
    if change == "body":
        body = BODY.replace(b"sent", b"lost")
    if change == "id":
        headers["webhook-id"] = "whd_2"
    if change == "time":
        headers = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}
    if change == "secret":
        secret = signature.new_secret()

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_old_request_is_refused_when_it_is_repeated() -> None:
    secret = signature.new_secret()
    headers = signed(secret, at=datetime.now(UTC) - timedelta(minutes=10))

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


def test_secret_has_256_random_bits() -> None:
    made = {signature.new_secret() for _ in range(20)}

    assert len(made) == 20
    assert {len(base64.b64decode(one.removeprefix("whsec_"))) for one in made} == {32}
