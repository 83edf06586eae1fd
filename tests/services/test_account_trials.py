"""Servers are asked before an account is kept, and what they say is told while they say it."""

import socket

import pytest

from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import account_tests, accounts
from appliance.db.queries.audit import AuditFilters
from appliance.db.queries.audit import page as audit_page
from appliance.errors import InvalidInput, NotFound
from appliance.services import audit
from appliance.services.account_trials import FORGOTTEN_AFTER, AccountTrials, Trial, TrialState
from appliance.services.audit import Actor
from appliance.services.sender_accounts import AccountForm
from tests.services.conftest import Chain
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until


@pytest.fixture
def trials(chain: Chain) -> AccountTrials:
    return AccountTrials(chain.database, chain.transports, chain.vault, chain.accounts, clock=chain.clock)


def form(port: int, password: str = "s3cret-pass") -> AccountForm:
    return AccountForm(
        "Shop", "shop@example.com", host="127.0.0.1", port=port, security="none", username="shop", password=password
    )


def ended(trials: AccountTrials, trial_id: str) -> Trial:
    wait_until(lambda: trials.look(trial_id).state is not TrialState.RUNNING)
    return trials.look(trial_id)


def kept(chain: Chain) -> list[str]:
    with chain.database.read() as session:
        return [one.name for one in accounts.by_priority(session) if one.transport == "smtp"]


def test_what_works_becomes_an_account_by_whoever_asked(chain: Chain, trials: AccountTrials) -> None:
    alice = Actor(ActorKind.USER, "usr_alice", "alice", role="administrator")
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink, audit.act_as(alice):
        trial = ended(trials, trials.begin(form(sink.port)))

        assert trials.keep(trial.id) == trial.account_id

    assert trial.state is TrialState.GOOD
    assert kept(chain) == ["Shop"]
    assert any("235" in line for line in trial.dialogue)
    assert "s3cret-pass" not in "".join(trial.dialogue)
    with chain.database.read() as session:
        noted, _ = audit_page(session, AuditFilters(action="account.created"), limit=5)
    assert [one.actor_name for one in noted] == ["alice"]


def test_a_refused_login_keeps_nothing_and_says_that_it_is_the_login(chain: Chain, trials: AccountTrials) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        trial = ended(trials, trials.begin(form(sink.port, "wrong-pass")))

    assert (trial.state, trial.login_refused) == (TrialState.BAD, True)
    assert "535" in trial.reason
    assert kept(chain) == []


def test_a_server_that_is_not_there_is_not_the_fault_of_the_login(chain: Chain, trials: AccountTrials) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        trial = ended(trials, trials.begin(form(nobody.getsockname()[1])))

    assert (trial.state, trial.login_refused) == (TrialState.BAD, False)
    assert kept(chain) == []


def test_the_dialogue_is_seen_while_the_server_thinks(trials: AccountTrials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        trial_id = trials.begin(form(slow.getsockname()[1]))
        connection, _ = slow.accept()
        with connection:
            connection.sendall(b"220 slow.example\r\n")
            wait_until(lambda: any("EHLO" in line for line in trials.look(trial_id).dialogue))

            assert trials.look(trial_id).state is TrialState.RUNNING
        assert ended(trials, trial_id).state is TrialState.BAD


def test_a_form_that_is_wrong_is_not_tried(trials: AccountTrials) -> None:
    with pytest.raises(InvalidInput):
        trials.begin(AccountForm("", "nobody"))


def test_a_trial_and_its_password_are_forgotten(chain: Chain, trials: AccountTrials) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        trial = ended(trials, trials.begin(form(nobody.getsockname()[1])))
    chain.clock.now += FORGOTTEN_AFTER + FORGOTTEN_AFTER

    with pytest.raises(NotFound):
        trials.look(trial.id)
    with pytest.raises(NotFound):
        trials.keep(trial.id)


def test_a_form_that_is_sent_twice_is_tried_once(chain: Chain, trials: AccountTrials) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        running = trials.begin(form(sink.port), once="a token")
        meanwhile = trials.begin(form(sink.port), once="a token")
        ended(trials, running)

        assert {meanwhile, trials.begin(form(sink.port), once="a token")} == {running}
    assert kept(chain) == ["Shop"]


def test_what_was_mended_after_a_step_back_is_tried(chain: Chain, trials: AccountTrials) -> None:
    """It is the same form to the browser, and its trial of before says nothing of what stands there now."""
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        ended(trials, trials.begin(form(sink.port, "wrong-pass"), once="a token"))

        trial = ended(trials, trials.begin(form(sink.port), once="a token"))

    assert (trial.state, trial.reason) == (TrialState.GOOD, "")
    assert kept(chain) == ["Shop"]


def test_the_same_is_tried_again_after_it_has_failed(chain: Chain, trials: AccountTrials) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        sink.reply("AUTH", "454 4.7.0 come back in a minute", times=1)
        bad = ended(trials, trials.begin(form(sink.port), once="a token"))

        assert bad.state is TrialState.BAD
        assert ended(trials, trials.begin(form(sink.port), once="a token")).state is TrialState.GOOD


def failed_test(chain: Chain, account_id: str) -> str | None:
    with chain.database.read() as session:
        failed = account_tests.still_failed(session, chain.sender(account_id))
    return None if failed is None else failed.error


def test_what_is_kept_all_the_same_stands_there_with_its_failure(chain: Chain, trials: AccountTrials) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        trial = ended(trials, trials.begin(form(sink.port, "wrong-pass")))

    account = trials.keep(trial.id)

    assert "535" in (failed_test(chain, account) or "")
    assert trials.keep(trial.id) == account
    with chain.database.read() as session:
        assert len(audit_page(session, AuditFilters(action="account.tested"))[0]) == 1


def test_what_is_kept_before_the_server_has_answered_stands_there_with_its_failure(
    chain: Chain, trials: AccountTrials
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        trial_id = trials.begin(form(slow.getsockname()[1]))
        connection, _ = slow.accept()
        account = trials.keep(trial_id)
        before = failed_test(chain, account)
        connection.close()

        trial = ended(trials, trial_id)

    assert (before, trial.state) == (None, TrialState.BAD)
    wait_until(lambda: failed_test(chain, account) == trial.reason)


def test_a_trial_that_is_good_leaves_no_failure(chain: Chain, trials: AccountTrials) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        trial = ended(trials, trials.begin(form(sink.port)))

    assert failed_test(chain, trials.keep(trial.id)) is None


def test_a_failure_is_forgotten_with_the_form_that_was_not_kept(chain: Chain, trials: AccountTrials) -> None:
    with SmtpSink(users={"shop": "s3cret-pass"}) as sink:
        ended(trials, trials.begin(form(sink.port, "wrong-pass")))

    with chain.database.read() as session:
        assert audit_page(session, AuditFilters(action="account.tested"))[0] == []
