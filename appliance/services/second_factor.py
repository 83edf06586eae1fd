"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import pyotp
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.vault import Vault, VaultError
from appliance.db.database import Database
from appliance.db.models import AuditEntry, RecoveryCode, User
from appliance.db.queries import access
from appliance.errors import FieldError, InvalidInput, NotFound, StorageUnavailable, WrongState
from appliance.language import gettext
from appliance.services import audit

ISSUER = "Postroom"
STEP_SECONDS = 30
WINDOW = (-1, 0, 1)  # steps: clocks of phones are not exact, and a code takes a moment to type
FAR_AHEAD = 20  # steps: a code so far from now was used while the clock of this box was wrong
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 bits, so that a plain hash of it cannot be guessed


class SecondFactor:
    """`timer` counts the seconds since 1970."""

    def __init__(
        self, database: Database, vault: Vault, *, clock: Clock, timer: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._timer = timer
        self._used_while_full: dict[str, int] = {}

    def offer(self, user_id: str) -> str:
        """The secret to put into an app; the same until it is confirmed. It asks for nothing before.

        Raises:
            WrongState: there is a second factor already.
        """
        user = self._user(user_id)
        if user.has_second_factor:
            raise WrongState(gettext("There is a second factor already. Remove it first, to set up another device."))
        if user.totp_secret:
            try:
                return self._vault.decrypt(user.totp_secret)
            except VaultError:
                pass  # of another key: nobody has confirmed it, so a new one does
        secret = pyotp.random_base32()
        encrypted = self._vault.encrypt(secret)

        def write(session: Session) -> str:
            found = User.locked(session, user_id)
            if found is not None and found.totp_secret == user.totp_secret:
                found.totp_secret = encrypted
            return encrypted if found is None else found.totp_secret

        return self._vault.decrypt(self._database.write(write))

    @staticmethod
    def address(secret: str, name: str) -> str:
        """What the picture for an app says (otpauth://)."""
        return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)

    def confirm(self, user_id: str, code: str) -> list[str]:
        """From now on a code is asked for. Returns the recovery codes, which are shown once.

        Raises:
            InvalidInput: the code is not the one that the app shows.
            WrongState: there is a second factor already, or none was offered.
        """
        user = self._user(user_id)
        begin_again = gettext("Begin setting up the second factor again.")
        if user.has_second_factor or not user.totp_secret:
            raise WrongState(begin_again)
        step = self._step_of(user, code)
        if step is None:
            sentence = gettext(
                "That is not the code that the app shows now. If it goes on so, check that the clocks of the phone "
                "and of this box are right."
            )
            raise InvalidInput([FieldError("code", sentence)])
        codes, now = _new_codes(), self._clock()
        row = audit.entry("user.second_factor_set_up", user_id, {"name": user.name}, now)

        def write(session: Session) -> None:
            found = User.locked(session, user_id)
            if found is None or found.has_second_factor or found.totp_secret != user.totp_secret:
                raise WrongState(begin_again)  # else a code would be asked for that no app shows
            found.totp_since, found.totp_step = now, step
            RecoveryCode.replace(session, user_id, [_hash(one) for one in codes])
            AuditEntry.note(session, row)

        self._database.write(write)
        return codes

    def accepts(self, user: User, code: str) -> bool:
        """Whether `code` is one of the app's or a recovery code; each is accepted once.

        Raises:
            StorageUnavailable: it is a recovery code, and nobody could note that it was used. It stays good.
        """
        step = self._step_of(user, code)
        if step is not None:
            return self._use_step(user.id, step)
        return self._use_recovery_code(user, code)

    def new_codes(self, user_id: str) -> list[str]:
        """Takes the place of all earlier ones. Raises WrongState."""
        user, none = self._user(user_id), gettext("There is no second factor that recovery codes could stand in for.")
        if not user.has_second_factor:
            raise WrongState(none)
        codes = _new_codes()
        row = audit.entry("user.recovery_codes_made", user_id, {"name": user.name}, self._clock())

        def write(session: Session) -> None:
            found = User.locked(session, user_id)  # else each of two at once would leave what the other one made
            if found is None or not found.has_second_factor:
                raise WrongState(none)
            RecoveryCode.replace(session, user_id, [_hash(one) for one in codes])
            AuditEntry.note(session, row)

        self._database.write(write)
        return codes

    def remove(self, user_id: str) -> None:
        """By the person, who has just given the password. Harmless when there is none."""
        row = audit.entry("user.second_factor_removed", user_id, {}, self._clock())

        def write(session: Session) -> None:
            user = access.user(session, user_id)
            if user is not None and user.has_second_factor:
                user.forget_second_factor(session)
                AuditEntry.note(session, row | {"detail": {"name": user.name}})

        self._database.write(write)

    def _use_step(self, user_id: str, step: int) -> bool:
        ahead = int(self._timer()) // STEP_SECONDS + FAR_AHEAD
        if self._was_used_while_full(user_id, step, ahead):
            return False
        try:
            return self._database.write(lambda session: User.use_step(session, user_id, step, ahead=ahead))
        except StorageUnavailable:  # a full disk keeps nobody out, and lets no code be used twice
            if self._was_used_while_full(user_id, step, ahead):  # another one came at the same time
                return False
            self._used_while_full[user_id] = step
            return True

    def _was_used_while_full(self, user_id: str, step: int, ahead: int) -> bool:
        return step <= self._used_while_full.get(user_id, 0) <= ahead

    def _use_recovery_code(self, user: User, code: str) -> bool:
        code_hash, now = _hash(code), self._clock()
        with self._database.read() as session:
            if not access.has_unused_code(session, user.id, code_hash):
                return False
        row = audit.entry("user.recovery_code_used", user.id, {"name": user.name}, now)

        def write(session: Session) -> bool:
            used = RecoveryCode.use(session, user.id, code_hash, now)
            if used:
                AuditEntry.note(session, row)
            return used

        try:
            return self._database.write(write)
        except StorageUnavailable as error:
            # memory does for a code of the app, which is old in a minute; this one would be good again after a restart
            sentence = gettext(
                "A recovery code works once, and that it was used cannot be noted now: %(reason)s It is not used up. "
                "Give a code of the app, or try again when there is room on the disk.",
                reason=str(error),
            )
            raise StorageUnavailable(sentence) from error

    def _step_of(self, user: User, code: str) -> int | None:
        """The step of time that `code` belongs to; None: to none that is near. All are compared, at the same cost."""
        given = "".join(code.split())
        try:
            totp = pyotp.TOTP(self._vault.decrypt(user.totp_secret))
        except VaultError:
            return None  # then a recovery code is left, and an administrator who removes the second factor
        now = int(self._timer()) // STEP_SECONDS
        matching = [
            step
            for step in (now + offset for offset in WINDOW)
            if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode())
        ]
        return matching[-1] if matching else None

    def _user(self, user_id: str) -> User:
        with self._database.read() as session:
            user = access.user(session, user_id)
        if user is None:
            raise NotFound("user", user_id)
        return user


def _new_codes() -> list[str]:
    return [_new_code() for _ in range(RECOVERY_CODES)]


def _new_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode("ascii").lower()
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _hash(code: str) -> str:
    """Case, blanks and dashes do not count: people type it from paper."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
