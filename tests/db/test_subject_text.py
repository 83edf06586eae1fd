import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from appliance.db.subject_text import SPREADER, matching, searchable

SUBJECTS = st.text(alphabet="abcÄß 7\"-'发票订单ごは한글", max_size=20)


@given(text=SUBJECTS, start=st.integers(0, 20), length=st.integers(0, 20))
def test_part_of_a_subject_stays_a_part_however_it_is_spread(text: str, start: int, length: int) -> None:
    part = text[start : start + length]

    assert searchable(part) in searchable(text)


@given(text=SUBJECTS, part=SUBJECTS)
def test_what_is_no_part_becomes_none(text: str, part: str) -> None:
    assert (searchable(part) in searchable(text)) == (part.casefold() in text.casefold())


@given(text=SUBJECTS, start=st.integers(0, 20), length=st.integers(1, 20))
def test_index_knows_every_part_that_it_can_be_asked_for(text: str, start: int, length: int) -> None:
    question = matching(searchable(text[start : start + length]))
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='trigram', detail='none')")
    index.execute("INSERT INTO texts VALUES (?)", (searchable(text),))

    assert (
        question is None or index.execute("SELECT count(*) FROM texts WHERE texts MATCH ?", (question,)).fetchone()[0]
    )


def test_one_character_of_chinese_can_be_asked_for_and_two_letters_cannot() -> None:
    assert matching(searchable("票")) == f'"{SPREADER}票{SPREADER}"'
    assert f"发{SPREADER}票" in str(matching(searchable("发票")))
    assert matching(searchable("ab")) is None


def test_long_part_asks_for_a_bounded_number_of_trigrams() -> None:
    question = matching("".join(chr(ord("a") + number % 26) + str(number) for number in range(200)))

    assert str(question).count(" AND ") == 15


def test_spreader_cannot_be_asked_for() -> None:
    assert searchable(f"a{SPREADER}b") == "ab"
