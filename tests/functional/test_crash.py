"""What was accepted is delivered, whatever becomes of the process; and what comes twice is the same message."""

import os
import random
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from appliance.clock import utc_now
from tests.functional.conftest import MakeAppliance
from tests.functional.insisting import InsistingClients
from tests.functional.mail import Gate, add_account, arrivals, message, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

KILLS = int(os.environ.get("CRASH_KILLS", "50"))
SEED = int(os.environ.get("CRASH_SEED") or random.randrange(10**6))
STOPS = 5
SLOTS = 4
QUOTA = 1_000_000
DYING = Path(__file__).with_name("dying.py")
UNDER_LOAD = {
    "APPLIANCE_TIMEZONE": f"Etc/GMT{utc_now().hour - 12:+d}",  # where it is noon: the daily count must not start anew
    "DELIVERY_RETRY_SECONDS": "1",
    "DISPATCHER_MIN_SLOTS": str(SLOTS),
    "DISPATCHER_MAX_SLOTS": str(SLOTS),
    "LOG_LEVEL": "warning",
}
ONE_SLOT = {"DELIVERY_RETRY_SECONDS": "1", "DISPATCHER_MIN_SLOTS": "1", "DISPATCHER_MAX_SLOTS": "1"}


def test_kill_repeats_what_was_begun_with_its_message_id_and_sends_all_else_once(
    start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance(ONE_SLOT)
    account = add_account(appliance, gated_sink)
    _pause(appliance, account)
    ids = {recipient: post(appliance, recipient) for recipient in ("a@example.com", "b@example.com", "c@example.com")}
    for message_id in ids.values():
        wait_for_status(appliance, message_id, "held")
    gate.close()
    _resume(appliance, account)
    wait_until(lambda: gate.waiting)
    ids["late@example.com"] = post(appliance, "late@example.com")
    before = [message(appliance, message_id)["status"] for message_id in ids.values()]

    appliance.kill()
    gate.open()
    appliance.start()

    sent = {recipient: wait_for_status(appliance, message_id, "sent") for recipient, message_id in ids.items()}
    begun = gated_sink.messages[0].rcpt_to[0]
    assert before == ["sending", "sending", "sending", "queued"]
    assert arrivals(gated_sink) == {
        recipient: [one["message_id"]] * (2 if recipient == begun else 1) for recipient, one in sent.items()
    }
    assert [attempt["outcome"] for attempt in sent[begun]["attempts"]] == ["uncertain", "sent"]


def test_nothing_that_was_accepted_is_lost_in_a_loop_of_kills(start_appliance: MakeAppliance, sink: SmtpSink) -> None:
    """Killed while it works, while it starts, and at a commit of its writer. `CRASH_KILLS=500` does it 500 times."""
    print(f"to repeat this: CRASH_SEED={SEED} CRASH_KILLS={KILLS}")
    chance = random.Random(SEED)
    appliance = start_appliance(UNDER_LOAD)
    add_account(appliance, sink)
    key = _key_with_quota(appliance)
    appliance.kill()

    with InsistingClients(appliance, key) as clients:
        for _ in range(KILLS):
            chance.choice(DEATHS)(appliance, chance)
        appliance.start()
        clients.post_more(20)
    _wait_for_rest(appliance)
    _wait_for_statistics(appliance)

    came = arrivals(sink)
    assert clients.refused == []
    assert set(clients.accepted) == set(came)
    assert {recipient: len(set(ids)) for recipient, ids in came.items() if len(set(ids)) > 1} == {}
    _check_figures(appliance, key, len(came))
    assert appliance.stop() == 0
    _check_database(appliance, sink, came)


def _while_it_works(appliance: Appliance, chance: random.Random) -> None:
    appliance.start()
    time.sleep(chance.uniform(0, 0.6))
    appliance.kill()


def _while_it_starts(appliance: Appliance, chance: random.Random) -> None:
    appliance.launch()
    time.sleep(chance.uniform(0.1, 2))
    appliance.kill()


def _at_a_commit(appliance: Appliance, chance: random.Random) -> None:
    """Early ones are those of the start; later ones are full of messages that are accepted, begun and sent."""
    when, number = chance.choice(["before", "during", "after"]), chance.choice([chance.randint(1, 9), 40, 90, 160])
    program, appliance.program = appliance.program, [sys.executable, str(DYING), when, str(number)]
    try:
        appliance.launch()
        wait_until(lambda: _took_notice(appliance), timeout=60, message="it did not die at a commit")
    finally:
        appliance.program = program


def _took_notice(appliance: Appliance) -> bool:
    """Whether it has died. Meanwhile the clients learn where it listens, so that they give it something to commit."""
    assert appliance.process is not None
    if appliance.process.poll() is None:
        appliance.find_ports()
        return False
    assert appliance.process.returncode == -signal.SIGKILL
    return True


DEATHS = (_while_it_works, _while_it_works, _while_it_starts, _at_a_commit, _at_a_commit)


def test_stops_under_load_send_nothing_twice_and_lose_nothing(start_appliance: MakeAppliance, sink: SmtpSink) -> None:
    print(f"to repeat this: CRASH_SEED={SEED}")
    chance = random.Random(SEED)
    appliance = start_appliance(UNDER_LOAD)
    add_account(appliance, sink)

    with InsistingClients(appliance, appliance.local_token()) as clients:
        for _ in range(STOPS):
            clients.post_more(chance.randint(5, 60))
            assert appliance.stop() == 0
            appliance.start()
        clients.post_more(20)
    _wait_for_rest(appliance)

    came = arrivals(sink)
    assert set(clients.accepted) == set(came)
    assert [recipient for recipient, message_ids in came.items() if len(message_ids) > 1] == []


def _pause(appliance: Appliance, account: str) -> None:
    assert appliance.request("POST", f"/api/v1/accounts/{account}/pause", appliance.local_token())[0] == 200


def _resume(appliance: Appliance, account: str) -> None:
    assert appliance.request("POST", f"/api/v1/accounts/{account}/resume", appliance.local_token())[0] == 200


def _wait_for_rest(appliance: Appliance) -> None:
    """Until every message has come to its end."""

    def unfinished() -> dict[str, int]:
        counts = appliance.request("GET", "/api/v1/system", appliance.local_token())[1]["messages"]
        return {status: count for status, count in counts.items() if count and status != "sent"}

    wait_until(lambda: time.sleep(0.05) or not unfinished(), timeout=120, message="not everything was sent")


def _wait_for_statistics(appliance: Appliance) -> None:
    """Until every event has been counted."""

    def uncounted() -> object:
        with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as database:
            return database.execute("SELECT count(*) FROM events").fetchone()[0]

    wait_until(lambda: time.sleep(0.05) or not uncounted(), timeout=120, message="events are left uncounted")


def _key_with_quota(appliance: Appliance) -> str:
    form = {"name": "clients", "scopes": ["send", "read"], "daily_limit": QUOTA}
    status, answer = appliance.request("POST", "/api/v1/keys", appliance.local_token(), form)
    assert status == 201, answer
    return str(answer["secret"])


def _check_figures(appliance: Appliance, key: str, messages: int) -> None:
    """What the key has used, and the statistics, are the messages that came, each once."""
    _, own = appliance.request("GET", "/api/v1/keys/self", key)
    _, stats = appliance.request("GET", "/api/v1/stats?group_by=day,key", appliance.local_token())
    assert own["messages"]["limit"] - own["messages"]["remaining"] == messages
    assert (stats["totals"]["accepted"], stats["totals"]["sent"]) == (messages, messages)


def _check_database(appliance: Appliance, sink: SmtpSink, came: dict[str, list[str]]) -> None:
    """It is whole; what it counts is what it remembers of its transactions and what the server saw; and what came more
    than once are messages whose outcome was unknown when the process died, at most one of each that was in flight."""
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as database:

        def value(sql: str) -> int:
            return int(database.execute(sql).fetchone()[0])

        unknown = dict(
            database.execute(
                "SELECT recipients.email, count(*) FROM delivery_attempts JOIN recipients USING (message_id) "
                "WHERE outcome = 'uncertain' GROUP BY recipients.email"
            ).fetchall()
        )
        used = value("SELECT count(*) FROM delivery_attempts WHERE outcome IN ('sent', 'uncertain')")
        certain = value("SELECT count(*) FROM delivery_attempts WHERE outcome = 'sent'")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert value("SELECT sum(count) FROM sender_accounts WHERE transport = 'smtp'") == used
        assert value("SELECT count(*) FROM messages WHERE status = 'sent'") == certain == len(came)
    more_than_known = {one: len(ids) for one, ids in came.items() if len(ids) > 1 + unknown.get(one, 0)}
    assert more_than_known == {}
    assert certain <= sink.count <= used
    assert sum(unknown.values()) <= KILLS * SLOTS
    print(f"{len(came)} messages, {sink.count - len(came)} came again, {KILLS} kills")
