"""What the database keeps in English is said in the language of whoever reads it; what others said stays."""

import pytest

from appliance.services import kept_words
from appliance.services.kept_words import LISTS
from tests.kept import built, walked
from tests.marked import marked


@pytest.mark.parametrize("position", range(len(LISTS)))
def test_every_sentence_is_known_again_and_none_is_taken_for_another(position: int) -> None:
    assert walked(LISTS[position]) == []


def test_no_sentence_is_taken_for_one_of_another_list() -> None:
    texts = [(sentences, text) for sentences in LISTS for _, text in built(sentences)]

    assert [text for own, text in texts if next(one for one in LISTS if one.recognised(text)) is not own] == []


def test_each_is_said_in_another_language_and_the_same_in_english() -> None:
    texts = [text for sentences in LISTS for _, text in built(sentences)]

    assert [text for text in texts if kept_words.say(text) != text] == []
    with marked():
        assert [text for text in texts if not kept_words.say(text).startswith("«")] == []


def test_what_a_server_said_stays_as_it_said_it() -> None:
    with marked():
        assert kept_words.say("550 5.1.1 no such user") == "550 5.1.1 no such user"
        assert kept_words.say("the server answered 550 no") == "«the server answered 550 no»"
        assert kept_words.say("the whole domain example.com: the server answered 550 no") == (
            "«the whole domain example.com: «the server answered 550 no»»"
        )


def test_of_a_dialogue_our_own_events_are_said() -> None:
    with marked():
        assert kept_words.say_line("-- connected to mx.example:25") == "-- «connected to mx.example:25»"
        assert kept_words.say_line("S: 220 closed the connection") == "S: 220 closed the connection"
