"""What a message says that may go out through some sender accounts only, when those fail and others are ready."""

import pytest

from appliance.services.key_limits import KeyLimits
from appliance.services.submit_message import Submitter
from tests.factories import submit_message
from tests.services.conftest import Chain, MakeChain
from tests.services.situations import BERLIN, says, state
from tests.smtp_sink import SmtpSink


@pytest.fixture
def chain(make_chain: MakeChain) -> Chain:
    return make_chain(zone=BERLIN)


def test_the_only_account_that_it_may_use_failed_and_others_are_ready(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Ready")
    relay = chain.account(sink, name="Old relay")
    sink.reply("MAIL", "550 5.7.1 account suspended")
    message = chain.submit(account=relay)
    [claim] = chain.claim()
    chain.deliver(claim)

    assert state(chain, message) == ("deferred", "account_error")
    says(
        chain,
        message,
        "The sender account 'Old relay', which is the only one that it may use, could not be used: ",
        "account suspended",
        "mend the account under Sender accounts",
    )


def test_the_accounts_of_its_key_failed_and_others_are_ready(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink, name="Ready")
    relay = chain.account(sink, name="Old relay")
    sink.reply("MAIL", "550 5.7.1 account suspended")
    submitter = Submitter("key", "", KeyLimits(allowed_accounts=(relay,)))
    message = chain.submission.submit(submit_message(), submitter).id
    [claim] = chain.claim()
    chain.deliver(claim)

    says(chain, message, "No sender account that its API key may use could be used: ", "account suspended")
