"""How far the first run has come: what is there counts, whoever made it."""

import gevent
import pytest

from appliance.db.database import Database
from appliance.services.first_run import ESSENTIAL, FirstRun, Step
from tests.fakes import FakeClock
from tests.services.conftest import Chain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink


@pytest.fixture
def first_run(chain: Chain) -> FirstRun:
    return FirstRun(chain.database, clock=chain.clock)


def test_a_new_box_has_an_administrator_and_nothing_else(first_run: FirstRun) -> None:
    progress = first_run.progress()

    assert (progress.done, progress.next, progress.is_over) == ({Step.ADMINISTRATOR}, Step.PLACE, False)


def test_an_account_made_on_any_page_counts(chain: Chain, first_run: FirstRun) -> None:
    with SmtpSink() as sink:
        chain.account(sink)

    assert Step.ACCOUNT in first_run.progress().done


def test_steps_that_leave_nothing_behind_are_noted_once_and_for_all(first_run: FirstRun) -> None:
    for step in (Step.PLACE, Step.MESSAGE, Step.MESSAGE):
        first_run.finish(step)

    assert first_run.progress().done == {Step.ADMINISTRATOR, Step.PLACE, Step.MESSAGE}


def test_mail_can_be_sent_before_it_is_over(first_run: FirstRun) -> None:
    for step in ESSENTIAL:
        assert not first_run.progress().can_send
        first_run.finish(step)

    assert (first_run.progress().can_send, first_run.progress().is_over) == (True, False)


def test_it_is_over_when_nothing_is_left(first_run: FirstRun) -> None:
    for step in (*ESSENTIAL, Step.PLACE):
        assert not first_run.progress().is_over
        first_run.finish(step)

    assert first_run.progress().is_over


def test_it_is_over_when_somebody_says_so(first_run: FirstRun) -> None:
    first_run.finish(Step.PLACE)
    first_run.dismiss()

    progress = first_run.progress()
    assert progress.is_over
    assert Step.PLACE in progress.done


@pytest.mark.postgres
@needs_postgres
def test_a_step_that_is_finished_twice_at_once_is_no_fault(postgres_database: Database, clock: FakeClock) -> None:
    """As by a double click, on the first thing that is ever noted."""
    first_run = FirstRun(postgres_database, clock=clock)

    both = [gevent.spawn(first_run.finish, Step.PLACE) for _ in range(4)]
    gevent.joinall(both, raise_error=True)

    assert Step.PLACE in first_run.progress().done


@pytest.mark.postgres
@needs_postgres
def test_steps_that_are_finished_at_the_same_moment_are_all_noted(
    postgres_database: Database, clock: FakeClock
) -> None:
    """As by two administrators: none writes over what another one has noted meanwhile."""
    first_run = FirstRun(postgres_database, clock=clock)

    several = [gevent.spawn(first_run.finish, step) for step in Step] + [gevent.spawn(first_run.dismiss)]
    gevent.joinall(several, raise_error=True)

    progress = first_run.progress()
    assert (progress.done, progress.dismissed) == (set(Step), True)
