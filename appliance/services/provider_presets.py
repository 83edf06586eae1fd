"""What is known of the providers that small teams send through, so that a form need not ask for it.

Hosts and ports are those that each provider documents. A daily limit is a suggestion to begin with, low enough for a
small plan, and the forms say so: limits differ by plan, change, and mostly count recipients of the last 24 hours. Only
those of Gmail (500), Microsoft 365 (10,000 recipients) and the sandbox of Amazon SES (200) are published figures.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from appliance.language import gettext


@dataclass(frozen=True, slots=True)
class Preset:
    """`security` as in `AccountForm`. `username`: what it is for everybody, where it is the same; else empty.

    `page`: the provider's own page on which the password for sending is made; empty where there is none.
    """

    key: str
    name: str
    host: str
    port: int | None
    security: str
    tells_username: Callable[[], str]
    tells_password: Callable[[], str]
    daily_limit: int | None = None
    username: str = ""
    page: str = ""
    regions: re.Pattern[str] | None = None
    """What else may be its host, for the host depends on where the person's account lives."""

    @property
    def username_hint(self) -> str:
        """What the username is, in the language spoken now."""
        return self.tells_username()

    @property
    def password_hint(self) -> str:
        """What kind of password it takes, in the language spoken now."""
        return self.tells_password()

    @property
    def asks_for_address(self) -> bool:
        """The username is the address that mail is sent from."""
        return self.tells_username is _whole_address

    def serves(self, host: str) -> bool:
        return bool(host) and (host == self.host or bool(self.regions and self.regions.fullmatch(host)))


def by_key(key: str) -> Preset:
    """The one of that key; for anything else the custom one."""
    return next((preset for preset in PRESETS if preset.key == key), PRESETS[-1])


def of_host(host: str) -> Preset:
    """The one whose server that is; else the custom one."""
    wanted = host.strip().lower()
    return next((preset for preset in PRESETS if preset.serves(wanted)), PRESETS[-1])


def _whole_address() -> str:
    return gettext("Your whole e-mail address.")


def _authorisation_code() -> str:
    return gettext(
        "An authorization code, not the password of your mailbox. Switch SMTP on in the settings of the mailbox, "
        "and it is shown."
    )


PRESETS: tuple[Preset, ...] = (
    Preset(
        "gmail",
        "Gmail",
        "smtp.gmail.com",
        587,
        "starttls",
        _whole_address,
        lambda: gettext(
            "An app password of 16 letters, not the password of your Google account. "
            "It can be made once 2-Step Verification is on."
        ),
        daily_limit=500,
        page="https://myaccount.google.com/apppasswords",
    ),
    Preset(
        "microsoft365",
        "Microsoft 365",
        "smtp.office365.com",
        587,
        "starttls",
        _whole_address,
        lambda: gettext(
            "The password of the mailbox. An administrator has to allow Authenticated SMTP for it first, "
            "and an organization may have switched logging in by password off."
        ),
        daily_limit=10_000,
        page="https://admin.microsoft.com/",
    ),
    Preset(
        "ses",
        "Amazon SES",
        "email-smtp.us-east-1.amazonaws.com",
        587,
        "starttls",
        lambda: gettext("The SMTP user name that SES made for you. It is not your access key."),
        lambda: gettext("The SMTP password that was shown with it, once. Your secret access key does not work here."),
        daily_limit=200,
        page="https://console.aws.amazon.com/ses/home#/smtp",
        regions=re.compile(r"email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"),
    ),
    Preset(
        "mailgun",
        "Mailgun",
        "smtp.mailgun.org",
        587,
        "starttls",
        lambda: gettext("An SMTP user of your domain, such as postmaster@mg.example.com."),
        lambda: gettext("The password of that SMTP user. Domains in Europe use smtp.eu.mailgun.org."),
        daily_limit=100,
        page="https://app.mailgun.com/",
        regions=re.compile(r"smtp\.eu\.mailgun\.org"),
    ),
    Preset(
        "postmark",
        "Postmark",
        "smtp.postmarkapp.com",
        587,
        "starttls",
        lambda: gettext("The Server API token of your server in Postmark."),
        lambda: gettext("The same token once more."),
        page="https://account.postmarkapp.com/servers",
    ),
    Preset(
        "brevo",
        "Brevo",
        "smtp-relay.brevo.com",
        587,
        "starttls",
        lambda: gettext("The SMTP login that Brevo shows under SMTP & API."),
        lambda: gettext("An SMTP key from the same page, not an API key and not the password of your account."),
        daily_limit=300,
        page="https://app.brevo.com/settings/keys/smtp",
    ),
    Preset(
        "sendgrid",
        "SendGrid",
        "smtp.sendgrid.net",
        587,
        "starttls",
        lambda: gettext("The word apikey, for everybody."),
        lambda: gettext("An API key that may send mail. It begins with SG."),
        daily_limit=100,
        username="apikey",
        page="https://app.sendgrid.com/settings/api_keys",
    ),
    Preset(
        "qq",
        "QQ 邮箱",
        "smtp.qq.com",
        465,
        "tls",
        _whole_address,
        _authorisation_code,
        daily_limit=100,
        page="https://mail.qq.com/",
    ),
    Preset(
        "163",
        "网易 163 邮箱",
        "smtp.163.com",
        465,
        "tls",
        _whole_address,
        _authorisation_code,
        daily_limit=50,
        page="https://mail.163.com/",
    ),
    Preset(
        "custom",
        "",
        "",
        None,
        "starttls",
        lambda: gettext(
            "The name that you sign in to that server with, often the whole address. Empty: it asks for no login."
        ),
        lambda: gettext("The one that belongs to this username. Many providers want one made for programs here."),
    ),
)
"""In the order in which they are offered; the last one is the person's own server, which has no name of its own."""
