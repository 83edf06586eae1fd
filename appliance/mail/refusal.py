"""Which refusals of a recipient say that the address itself is no good, so that it should not be tried again."""

import re

from appliance.mail.transport import Reply

_NO_SUCH_RECIPIENT = frozenset(
    {
        "5.1.1",  # bad destination mailbox address: the mailbox does not exist (RFC 3463 section 3.2)
        "5.1.2",  # bad destination system address: the domain is invalid for mail; "only useful for permanent failures"
        "5.1.3",  # bad destination mailbox address syntax
        "5.1.6",  # the mailbox has moved and left no forwarding address
        "5.1.10",  # the domain says that it takes no mail, by a null MX (RFC 7505 section 4.2)
    }
)

# A 550 without an enhanced code can mean the mailbox, the sender's rights or a policy (RFC 5321 section 4.2.3): only
# these words tell.
_THING = r"(?:user|mailbox|recipient|address|account)"
_SAYS_NO_SUCH_RECIPIENT = re.compile(
    rf"\b(?:no such|unknown|nonexistent|non-existent) (?:local )?{_THING}\b"
    rf"|\b{_THING} (?:is |was )?(?:unknown|not found|not known|nonexistent|does not exist|doesn't exist)\b",
    re.IGNORECASE,
)
_SAYS_OTHERWISE = re.compile(r"\b(?:sender|relay|policy|spam|block|deny|denied|greylist|spf|dkim|dmarc)", re.IGNORECASE)


def says_no_such_recipient(reply: Reply) -> bool:
    """Of a refusal at RCPT. When in doubt, no: it costs an attempt, a wrong yes costs somebody's mail.

    Not 5.2.1 (a disabled mailbox may be enabled again), 5.2.2 (a full one), or anything of 5.7 (policy, which concerns
    the sender).
    """
    if reply.temporary:
        return False
    if reply.enhanced:
        return reply.enhanced in _NO_SUCH_RECIPIENT
    says_so = _SAYS_NO_SUCH_RECIPIENT.search(reply.text) and not _SAYS_OTHERWISE.search(reply.text)
    return reply.code == 550 and bool(says_so)
