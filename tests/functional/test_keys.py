"""API keys in the real process: what another process changes, and what a stop writes down."""

import re
from typing import Any

from tests.functional.mail import post_anyhow
from tests.waiting import wait_until


def test_use_of_a_key_is_written_down_at_the_stop(start_appliance: Any) -> None:
    appliance = start_appliance()
    key = appliance.create_key("send")
    assert "never used" in appliance.command("apikey", "list").stdout
    assert post_anyhow(appliance, key=key)[0] == 202

    assert appliance.stop() == 0

    assert re.search(r"\tused \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t", appliance.command("apikey", "list").stdout)


def test_key_that_the_command_line_disables_is_refused_until_it_is_enabled(start_appliance: Any) -> None:
    appliance = start_appliance()
    made = appliance.command("apikey", "create", "--name", "shop", "--daily", "1", "--scopes", "send")
    key, [key_id] = made.stdout.strip(), re.findall(r"key_\w+", made.stderr)
    assert post_anyhow(appliance, key=key)[0] == 202
    assert post_anyhow(appliance, key=key)[1]["code"] == "quota_used_up"

    appliance.command("apikey", "disable", key_id)
    wait_until(lambda: post_anyhow(appliance, key=key)[0] == 401, message="a disabled key still works")
    appliance.command("apikey", "enable", key_id)

    wait_until(lambda: post_anyhow(appliance, key=key)[0] == 429, message="an enabled key does not work")
