"""A sentence that was kept in English is known again by its wording, and said with its facts in another language."""

from appliance.sentences import LONGEST, Sentences
from tests.marked import marked

WHY = Sentences("Connection refused", any_other=True)
LIST = Sentences(
    "%(host)s %(what)s%(place)s.",
    "%(host)s refused the login: %(reply)s",
    what=Sentences(
        "closed the connection", "did not answer within %(seconds)s s", "became unreachable: %(why)s", why=WHY
    ),
    place=Sentences(" at %(command)s", ""),
)


def test_it_is_said_with_its_facts_as_they_were() -> None:
    with marked():
        assert (
            LIST.say("mx.example refused the login: 535 5.7.8 no: go")
            == "«mx.example refused the login: 535 5.7.8 no: go»"
        )


def test_a_part_is_translated_by_itself() -> None:
    with marked():
        assert (
            LIST.say("mx did not answer within 0.4 s at RCPT.")
            == "«mx «did not answer within 0.4 s»« at RCPT»."[:-1] + ".»"
        )
        assert LIST.say("mx closed the connection.") == "«mx «closed the connection».»"


def test_a_part_that_may_be_anything_is_translated_where_it_is_known() -> None:
    with marked():
        assert (
            LIST.say("mx became unreachable: Connection refused.") == "«mx «became unreachable: «Connection refused»».»"
        )
        assert LIST.say("mx became unreachable: Host is down.") == "«mx «became unreachable: Host is down».»"


def test_what_is_not_on_the_list_stays_as_it_is() -> None:
    with marked():
        for text in ("", "550 5.1.1 no such user", "mx closed the door.", "x" * LONGEST * 2):
            assert (LIST.say(text), LIST.said(text)) == (text, "")


def test_in_english_it_is_the_very_same_text() -> None:
    for text in ("mx did not answer within 0.4 s at RCPT.", "mx refused the login: 535 100 % no", "anything"):
        assert LIST.say(text) == text


def test_a_sentence_over_several_lines_is_known_too() -> None:
    with marked():
        assert LIST.say("mx refused the login: 535 one\ntwo").startswith("«mx")
