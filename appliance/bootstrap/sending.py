"""Builds what gets messages out: outbox, sender accounts, their transports, delivery, and the built-in mailbox."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from appliance.bootstrap.ground import Ground
from appliance.db.models.message import Reason
from appliance.services.account_test import AccountTest
from appliance.services.account_trials import AccountTrials
from appliance.services.attachments import Attachments
from appliance.services.composition import Composition
from appliance.services.delivery import Delivery
from appliance.services.in_flight import InFlight
from appliance.services.mailbox import Mailbox
from appliance.services.mailbox_release import MailboxRelease
from appliance.services.messages import Messages
from appliance.services.outbox import Outbox
from appliance.services.raw_messages import RawMessages
from appliance.services.sender_accounts import SenderAccounts
from appliance.services.server_certificates import ServerCertificates
from appliance.services.transports import Transports


class SendingServices(TypedDict):
    """Named as in `Services`."""

    messages: Messages
    raw_messages: RawMessages
    delivery: Delivery
    sender_accounts: SenderAccounts
    account_trials: AccountTrials
    mailbox: Mailbox
    mailbox_release: MailboxRelease


@dataclass(frozen=True, slots=True)
class Sending:
    services: SendingServices
    outbox: Outbox
    in_flight: InFlight
    transports: Transports
    release_rested: Callable[[], object]
    """Lets go what waits for an account that rests."""


def build_sending(ground: Ground, attachments: Attachments) -> Sending:
    database, clock = ground.database, ground.clock
    outbox = _outbox(ground)
    in_flight = InFlight(outbox.notify)
    mailbox = Mailbox(database, clock=clock)
    transports = _transports(ground, mailbox)
    messages = Messages(database, outbox, clock=clock)
    release_rested = partial(messages.release_held, [Reason.BREAKER])
    accounts = _accounts(ground, messages)
    composition = Composition(ground.files, ground.run_native)
    services = SendingServices(
        messages=messages,
        raw_messages=RawMessages(database, composition),
        delivery=_delivery(ground, transports, composition, in_flight, release_rested),
        sender_accounts=accounts,
        account_trials=AccountTrials(database, transports, ground.vault, accounts, clock=clock),
        mailbox=mailbox,
        mailbox_release=MailboxRelease(database, outbox, attachments, run_native=ground.run_native, clock=clock),
    )
    return Sending(services, outbox, in_flight, transports, release_rested)


def build_account_test(ground: Ground, sending: Sending, certificates: ServerCertificates) -> AccountTest:
    return AccountTest(
        ground.database,
        sending.transports,
        hostname=ground.hostname,
        clock=ground.clock,
        on_recovery=sending.release_rested,
        on_tested=certificates.tested,
    )


def _outbox(ground: Ground) -> Outbox:
    settings = ground.settings.dispatcher
    return Outbox(ground.database, settings, box_id=ground.box_id, zone=ground.zone, clock=ground.clock)


def _transports(ground: Ground, mailbox: Mailbox) -> Transports:
    return Transports(
        ground.settings.delivery,
        ground.vault,
        hostname=ground.hostname,
        keep=mailbox.keep,
        look_up=ground.look_up_server,
    )


def _accounts(ground: Ground, messages: Messages) -> SenderAccounts:
    accounts = SenderAccounts(ground.database, ground.vault, messages, zone=ground.zone, clock=ground.clock)
    accounts.ensure_built_in_mailbox(f"postroom@{ground.hostname if '.' in ground.hostname else 'localhost'}")
    return accounts


def _delivery(
    ground: Ground,
    transports: Transports,
    composition: Composition,
    in_flight: InFlight,
    release_rested: Callable[[], object],
) -> Delivery:
    return Delivery(
        ground.database,
        transports,
        composition,
        in_flight,
        settings=ground.settings.delivery,
        dispatcher=ground.settings.dispatcher,
        zone=ground.zone,
        clock=ground.clock,
        on_recovery=release_rested,
    )
