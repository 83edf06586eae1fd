"""Why a text is no e-mail address, in the language spoken now: email-validator's sentences are known by wording."""

from appliance.sentences import Sentences, kept

_BY = Sentences(
    kept("(%(count)s character too many)"),
    kept("(%(count)s characters too many)"),
    any_other=True,
)
CAUSES = Sentences(
    kept("An email address must have an @-sign"),
    kept("There must be something before the @-sign"),
    kept("There must be something after the @-sign"),
    kept("There can't be anything after the email address"),
    kept(
        "An open angle bracket at the start of the email address has to be followed by a close angle bracket at the end"
    ),
    kept('The email address has the "full-width" at-sign (@) character instead of a regular at-sign'),
    kept('The email address has the "small commercial at" character instead of a regular at-sign'),
    kept("Quoting the part before the @-sign is not allowed here"),
    kept("The email address contains unsafe characters: %(characters)s"),
    kept("The email address contains invalid characters before the @-sign: %(characters)s"),
    kept("The part after the @-sign contains invalid characters: %(characters)s"),
    kept("The display name contains invalid characters when not quoted: %(characters)s"),
    kept("An email address cannot start with a period"),
    kept("An email address cannot end with a period"),
    kept("An email address cannot end with a hyphen"),
    kept("An email address cannot have a period immediately before the @-sign"),
    kept("An email address cannot have a period immediately after the @-sign"),
    kept("An email address cannot have a hyphen immediately after the @-sign"),
    kept("An email address cannot have two periods in a row"),
    kept("An email address cannot have a period and a hyphen next to each other"),
    kept(
        "An email address cannot have two letters followed by two dashes immediately after the @-sign or after a "
        "period, except Punycode"
    ),
    kept("The email address is too long before the @-sign %(by)s"),
    kept("The email address is too long after the @-sign %(by)s"),
    kept("The email address is too long %(by)s"),
    kept("After the @-sign, periods cannot be separated by so many characters %(by)s"),
    kept("The part after the @-sign is not valid. It should have a period"),
    kept("The part after the @-sign is not valid. It is not within a valid top-level domain"),
    kept("The part after the @-sign is not valid IDNA (%(reason)s)"),
    kept(
        "The address in brackets after the @-sign is not valid: It is not an IPv4 address (%(reason)s) or is missing "
        "an address literal tag"
    ),
    kept("The IPv6 address in brackets after the @-sign is not valid (%(reason)s)"),
    kept("The part after the @-sign in brackets is not an IPv4 address and has no address literal tag"),
    kept("The part after the @-sign contains an invalid address literal tag in brackets"),
    by=_BY,
)


def say(cause: str) -> str:
    """`cause` is what email-validator says; what it may say one day that is not on the list stays as it is."""
    return CAUSES.say(cause.rstrip("."))
