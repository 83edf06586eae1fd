"""Codes of an app: set up, accepted once, and replaced by recovery codes when the device is lost."""

import re

import gevent
import pyotp
import pytest

from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.models import RecoveryCode, User
from appliance.db.queries import access
from appliance.errors import InvalidInput, StorageUnavailable, WrongState
from appliance.services.second_factor import RECOVERY_CODES, STEP_SECONDS, SecondFactor
from tests.fakes import FakeClock, FakeTimer
from tests.services_up import needs_postgres


@pytest.fixture
def timer() -> FakeTimer:
    timer = FakeTimer()
    timer.seconds = 1_800_000_000.0
    return timer


@pytest.fixture
def vault() -> Vault:
    return Vault(Vault.new_key())


@pytest.fixture
def factor(database: Database, vault: Vault, clock: FakeClock, timer: FakeTimer) -> SecondFactor:
    user = User(id="usr_alice", name="alice", password_hash="", created_at=clock())
    database.write(lambda session: session.merge(user))
    return SecondFactor(database, vault, clock=clock, timer=timer)


def alice(database: Database) -> User:
    with database.read() as session:
        user = access.user(session, "usr_alice")
    assert user is not None
    return user


def code(secret: str, timer: FakeTimer, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(timer.seconds) + steps * STEP_SECONDS)


@pytest.fixture
def secret(factor: SecondFactor, timer: FakeTimer) -> str:
    """Of a second factor that is on; the code that switched it on is some time ago."""
    secret = factor.offer("usr_alice")
    factor.confirm("usr_alice", code(secret, timer))
    timer.seconds += 10 * STEP_SECONDS
    return secret


def test_what_is_offered_stays_the_same_until_it_is_confirmed_and_asks_for_nothing(
    factor: SecondFactor, database: Database
) -> None:
    assert factor.offer("usr_alice") == factor.offer("usr_alice")
    assert not alice(database).has_second_factor


def test_the_secret_is_kept_encrypted(factor: SecondFactor, database: Database, vault: Vault) -> None:
    secret = factor.offer("usr_alice")

    stored = alice(database).totp_secret
    assert secret not in stored
    assert vault.decrypt(stored) == secret


def test_a_right_code_switches_it_on_and_gives_recovery_codes(
    factor: SecondFactor, database: Database, timer: FakeTimer
) -> None:
    secret = factor.offer("usr_alice")

    codes = factor.confirm("usr_alice", code(secret, timer))

    assert alice(database).has_second_factor
    assert len(set(codes)) == RECOVERY_CODES
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", one) for one in codes)
    with database.read() as session:
        kept = [one.code_hash for one in session.query(RecoveryCode)]
    assert len(kept) == RECOVERY_CODES
    assert not set(kept) & set(codes)


def test_a_wrong_code_does_not(factor: SecondFactor, database: Database, timer: FakeTimer) -> None:
    secret = factor.offer("usr_alice")

    with pytest.raises(InvalidInput, match="not the code that the app shows"):
        factor.confirm("usr_alice", code(secret, timer, steps=5))

    assert not alice(database).has_second_factor


def test_nothing_is_confirmed_that_was_not_offered(factor: SecondFactor) -> None:
    with pytest.raises(WrongState):
        factor.confirm("usr_alice", "123456")


def test_another_device_is_set_up_only_after_the_first_was_removed(
    factor: SecondFactor, secret: str, timer: FakeTimer
) -> None:
    with pytest.raises(WrongState, match="Remove it first"):
        factor.offer("usr_alice")
    with pytest.raises(WrongState):
        factor.confirm("usr_alice", code(secret, timer))


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_a_step(
    factor: SecondFactor, secret: str, timer: FakeTimer, database: Database, steps: int, accepted: bool
) -> None:
    assert factor.accepts(alice(database), code(secret, timer, steps)) is accepted


def test_a_code_is_accepted_once_nor_is_one_from_before_it(
    factor: SecondFactor, secret: str, timer: FakeTimer, database: Database
) -> None:
    earlier, now = code(secret, timer, -1), code(secret, timer)
    assert factor.accepts(alice(database), now)

    assert not factor.accepts(alice(database), now)
    assert not factor.accepts(alice(database), earlier)


def test_the_code_that_switched_it_on_does_not_sign_in(
    factor: SecondFactor, database: Database, timer: FakeTimer
) -> None:
    secret = factor.offer("usr_alice")
    factor.confirm("usr_alice", code(secret, timer))

    assert not factor.accepts(alice(database), code(secret, timer))


@pytest.mark.parametrize("given", ["", "000000000000", "abcdef", "１２３４５６", "\0", "-" * 40])
def test_anything_else_is_refused(factor: SecondFactor, secret: str, database: Database, given: str) -> None:
    assert not factor.accepts(alice(database), given)


def test_a_recovery_code_stands_in_once_however_it_is_typed(
    factor: SecondFactor, database: Database, timer: FakeTimer
) -> None:
    secret = factor.offer("usr_alice")
    first, second, *_ = factor.confirm("usr_alice", code(secret, timer))

    assert factor.accepts(alice(database), first)
    assert not factor.accepts(alice(database), first)
    assert factor.accepts(alice(database), f" {second.upper().replace('-', ' ')} ")
    with database.read() as session:
        assert access.recovery_codes_left(session, "usr_alice") == RECOVERY_CODES - 2


def test_new_recovery_codes_take_the_place_of_the_old_ones(
    factor: SecondFactor, database: Database, timer: FakeTimer
) -> None:
    secret = factor.offer("usr_alice")
    old, *_ = factor.confirm("usr_alice", code(secret, timer))

    new, *_ = factor.new_codes("usr_alice")

    assert not factor.accepts(alice(database), old)
    assert factor.accepts(alice(database), new)


def test_removed_it_leaves_nothing_behind(factor: SecondFactor, secret: str, database: Database) -> None:
    factor.remove("usr_alice")

    user = alice(database)
    assert (user.has_second_factor, user.totp_secret) == (False, "")
    with database.read() as session:
        assert access.recovery_codes_left(session, "usr_alice") == 0
    with pytest.raises(WrongState):
        factor.new_codes("usr_alice")
    assert factor.offer("usr_alice") != secret


def test_with_another_key_of_the_box_only_recovery_codes_are_left(
    factor: SecondFactor, database: Database, clock: FakeClock, timer: FakeTimer
) -> None:
    secret = factor.offer("usr_alice")
    recovery, *_ = factor.confirm("usr_alice", code(secret, timer))
    timer.seconds += 300
    other = SecondFactor(database, Vault(Vault.new_key()), clock=clock, timer=timer)

    assert not other.accepts(alice(database), code(secret, timer))
    assert other.accepts(alice(database), recovery)


def test_the_address_for_the_app_names_the_box_and_the_person() -> None:
    secret = "ABCD" * 8

    assert SecondFactor.address(secret, "ann b").startswith(f"otpauth://totp/Postroom:ann%20b?secret={secret}")


def test_what_was_removed_meanwhile_is_not_switched_on(
    factor: SecondFactor, database: Database, timer: FakeTimer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a code would be asked for that no app can show."""
    secret = factor.offer("usr_alice")
    step_of = factor._step_of

    def slow(user: User, code: str) -> int | None:
        step = step_of(user, code)
        database.write(lambda session: session.get_one(User, user.id).forget_second_factor(session))
        return step

    monkeypatch.setattr(factor, "_step_of", slow)
    with pytest.raises(WrongState):
        factor.confirm("usr_alice", code(secret, timer))

    assert not alice(database).has_second_factor


def test_a_clock_that_is_set_back_shuts_nobody_out(
    factor: SecondFactor, database: Database, secret: str, timer: FakeTimer
) -> None:
    right = timer.seconds
    timer.seconds += 365 * 24 * 3600
    assert factor.accepts(alice(database), code(secret, timer))

    timer.seconds = right
    assert factor.accepts(alice(database), code(secret, timer))
    assert not factor.accepts(alice(database), code(secret, timer))


@pytest.mark.postgres
@needs_postgres
def test_a_recovery_code_that_two_give_at_once_opens_once(
    postgres_database: Database, vault: Vault, clock: FakeClock, timer: FakeTimer
) -> None:
    user = User(id="usr_alice", name="alice", password_hash="", created_at=clock())
    postgres_database.write(lambda session: session.merge(user))
    factor = SecondFactor(postgres_database, vault, clock=clock, timer=timer)
    [recovery, *_others] = factor.confirm("usr_alice", code(factor.offer("usr_alice"), timer))

    tries = [gevent.spawn(factor.accepts, alice(postgres_database), recovery) for _ in range(8)]
    gevent.joinall(tries, raise_error=True)

    assert sum(one.value for one in tries) == 1


@pytest.mark.postgres
@needs_postgres
def test_of_new_codes_that_are_made_twice_at_once_ten_are_left(
    postgres_database: Database, vault: Vault, clock: FakeClock, timer: FakeTimer
) -> None:
    user = User(id="usr_alice", name="alice", password_hash="", created_at=clock())
    postgres_database.write(lambda session: session.merge(user))
    factor = SecondFactor(postgres_database, vault, clock=clock, timer=timer)
    factor.confirm("usr_alice", code(factor.offer("usr_alice"), timer))

    made = [gevent.spawn(factor.new_codes, "usr_alice") for _ in range(8)]
    gevent.joinall(made, raise_error=True)

    with postgres_database.read() as session:
        assert access.recovery_codes_left(session, "usr_alice") == RECOVERY_CODES


def test_two_pages_that_are_opened_at_once_show_the_same_secret(factor: SecondFactor, database: Database) -> None:
    """Else the picture on one of them would never work."""
    offers = [gevent.spawn(factor.offer, "usr_alice") for _ in range(4)]
    gevent.joinall(offers, raise_error=True)

    assert {one.value for one in offers} == {factor.offer("usr_alice")}


def test_a_recovery_code_that_nobody_can_note_lets_nobody_in_and_stays_good(
    factor: SecondFactor, database: Database, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would let in again and again, or be used up for nothing."""
    del secret
    [good, *_] = factor.new_codes("usr_alice")

    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(database, "write", refuse)
        with pytest.raises(StorageUnavailable, match=r"the disk is full.*not used up"):
            factor.accepts(alice(database), good)
        assert not factor.accepts(alice(database), "no code of hers")

    assert [factor.accepts(alice(database), good) for _ in range(2)] == [True, False]
