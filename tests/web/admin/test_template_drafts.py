"""What frames ask for is kept for a while, and never more of it than fits."""

from appliance.web.admin.template_drafts import Drafts


def test_what_is_kept_is_found_by_its_token() -> None:
    drafts = Drafts()
    one, other = drafts.keep("<p>one</p>"), drafts.keep("<p>other</p>")

    assert (drafts.html(one), drafts.html(other), drafts.html("nothing")) == ("<p>one</p>", "<p>other</p>", None)


def test_the_oldest_go_when_there_is_too_much() -> None:
    drafts = Drafts(largest=10)
    tokens = [drafts.keep(letter * 4) for letter in "abc"]

    assert [drafts.html(token) for token in tokens] == [None, "bbbb", "cccc"]


def test_one_that_is_larger_than_all_may_be_is_kept_alone() -> None:
    drafts = Drafts(largest=10)

    assert drafts.html(drafts.keep("x" * 20)) == "x" * 20
