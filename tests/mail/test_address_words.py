"""Why something is no address is said in the reader's language, whatever is wrong with it."""

import re

import pytest

from appliance.mail import addresses
from appliance.mail.address_words import CAUSES
from appliance.mail.addresses import InvalidAddress
from tests.kept import walked
from tests.marked import marked

WRONG = (
    *("ann", "ann@", "@example.com", "ann@@example.com", "a b@example.com", "ann@exa mple.com", "ann@example"),
    *("ann@.com", "ann@example.com.", "ann@-a.com", "ann@a-.com", "a..b@example.com", ".a@example.com"),
    *("a.@example.com", "ann@a..com", f"{'x' * 65}@example.com", f"ann@{'x' * 64}.com", f"ann@{'x.' * 130}com"),
    *('"a b"@example.com', "ann@[1.2.3]", "ann@[IPv6:zz]", "ann@[foo]", "ann＠example.com", "ann﹫example.com"),
    *("ann@xn--a.com", "ann@ex_ample.com", "ann@exa\u200bmple.com", "ann@ab--cd.com", "<ann@example.com> x"),
    *("Ann <ann@example.com", "ann@example.com>", "a@example.com,b@example.com", "", "ann@例子。", "ann@[x:y]"),
)


def test_every_sentence_is_known_again_and_none_is_taken_for_another() -> None:
    assert walked(CAUSES) == []


@pytest.mark.parametrize("text", WRONG)
def test_no_cause_is_left_in_english(text: str) -> None:
    with marked(), pytest.raises(InvalidAddress) as raised:
        addresses.parse(text)

    said = str(raised.value)
    assert re.fullmatch(r"«.* is not an e-mail address: «.*»\. Write it as name@example\.com\.»", said, re.DOTALL), said


def test_in_english_the_cause_stands_there_as_it_did() -> None:
    with pytest.raises(
        InvalidAddress, match=r"^'ann' is not an e-mail address: An email address must have an @-sign\."
    ):
        addresses.parse("ann")
