"""What docs/webhooks.md shows is true: the snippet verifies, events and waits are those that there are."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.config.webhook_settings import WebhookSettings
from appliance.services import webhook_payload
from appliance.services.webhook_form import KINDS
from appliance.webhooks import signature

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
[SNIPPET] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
PAYLOADS = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
BODY = b'{"type":"message.sent"}'


@pytest.fixture
def verify() -> Any:
    names: dict[str, Any] = {}
    exec(SNIPPET, names)
    return names["verify"]


def test_snippet_takes_what_is_sent(verify: Any) -> None:
    old, new = signature.new_secret(), signature.new_secret()
    headers = signature.headers("whd_1", datetime.now(UTC), BODY, [new, old])

    for secret in (old, new):
        verify(secret, headers, BODY)


@pytest.mark.parametrize("change", ["body", "secret", "time"])
def test_snippet_refuses_what_was_changed(verify: Any, change: str) -> None:
    secret = signature.new_secret()
    at = datetime.fromtimestamp(time.time() - (600 if change == "time" else 0), UTC)
    headers = signature.headers("whd_1", at, BODY, [secret])

    with pytest.raises(ValueError, match=r"signature|old"):
        verify(
            signature.new_secret() if change == "secret" else secret,
            headers,
            BODY + b" " if change == "body" else BODY,
        )


def test_every_event_is_in_the_guide() -> None:
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", GUIDE))

    assert {*KINDS, webhook_payload.TEST} <= named


def test_payloads_are_of_events_that_there_are() -> None:
    assert [one["type"] in KINDS for one in PAYLOADS] == [True, True]


def test_waits_of_the_guide_are_the_defaults() -> None:
    assert WebhookSettings().retry_seconds == (5, 300, 1800, 7200, 18000, 36000, 21600)
    assert "5 seconds, 5 and 30 minutes, 2, 5, 10 and 6 hours" in GUIDE
