from contextlib import suppress

import pytest

from appliance.mail.inlining import MOST_DECLARATIONS, MOST_ELEMENTS, CannotInline, inlined

STYLE = "<style>p { color: red }</style>"


def test_rules_go_to_their_elements() -> None:
    assert '<p style="color: red;">a</p>' in inlined(f"{STYLE}<p>a</p>")
    assert "<style>" not in inlined(f"{STYLE}<p>a</p>")


def test_markup_without_styles_stays_as_it_is() -> None:
    assert inlined("<p>a") == "<p>a"


def test_style_of_an_element_wins() -> None:
    made = inlined(f'{STYLE}<p style="color: blue">a</p>')

    assert made.index("color: red") < made.index("color: blue") if "color: red" in made else "color: blue" in made


def test_media_queries_stay() -> None:
    assert "@media (max-width: 600px)" in inlined("<style>@media (max-width: 600px) { p { color: red } }</style><p>a")


def test_nothing_is_loaded(tmp_path) -> None:
    sheet = tmp_path / "secret.css"
    sheet.write_text("p { color: green }")

    made = inlined(
        f'<link rel="stylesheet" href="file://{sheet}"><link rel="stylesheet" href="{sheet}">{STYLE}<p>a</p>'
    )

    assert "green" not in made


def test_conditional_comments_stay() -> None:
    assert "<!--[if mso]><b>x</b><![endif]-->" in inlined(f"{STYLE}<p>a</p><!--[if mso]><b>x</b><![endif]-->")


def test_ordinary_newsletter_is_not_too_much() -> None:
    rules = "".join(f".c{number} {{ color: #{number:03d}; padding: 1px; margin: 0 }}" for number in range(80))
    cell = '<td class="c1"><a href="https://example.com/?a=1&amp;b=2"><b>Name</b><img src="a.png" alt=""></a></td>'

    made = inlined(f"<style>{rules}</style><table>{f'<tr>{cell}</tr>' * 100}</table>")

    assert made.count('style="color: #001;padding: 1px;margin: 0;"') == 100


@pytest.mark.parametrize(
    "markup",
    [
        STYLE + "<div>" * (MOST_ELEMENTS + 1),
        f"<style>{'a {b: c}' * (MOST_DECLARATIONS + 1)}</style><p>",
        f"<style>{'p {b: c}' * 1000}</style>" + "<p></p>" * 200,
        STYLE + "<p>" + "".join(f"<b id={number}>" for number in range(400)) + "</p>" + "<p>x</p>" * 400,
        STYLE + "<p>" + "<!--</b>--><b class=a>" * 400 + "</p>" + "<p>x</p>" * 400,
        STYLE + "<p>" + '<b title="</b>">' * 400 + "</p>" + "<p>x</p>" * 400,
        STYLE + "<p>" + "<b title='>x</b>'>" * 400 + "</p>" + "<p>x</p>" * 400,
    ],
    ids=["elements", "declarations", "both", "open", "comments", "attributes", "odd attributes"],
)
def test_what_would_hold_everybody_up_is_refused(markup: str) -> None:
    with pytest.raises(CannotInline):
        inlined(markup)


def test_unclosed_style_is_counted() -> None:
    with pytest.raises(CannotInline):
        inlined("<p></p>" * 400 + "<style>" + "p {b: c}" * 1400)


@pytest.mark.parametrize("piece", ["<style", "<style ", "<style><b a", "</style", "<style></style"])
def test_styles_that_are_left_open_are_looked_for_once(piece: str) -> None:
    """Looking anew from each of them would take minutes."""
    markup = piece * (1_000_000 // len(piece))

    with suppress(CannotInline):
        inlined(markup)


@pytest.mark.parametrize(
    "styles",
    [",".join(["p"] * 20_000) + "{color: red}", "p{}" * 20_000, ",".join(["b ~ p"] * 100) + "{color: red}"],
)
def test_selectors_that_would_be_compared_too_often_are_refused(styles: str) -> None:
    with pytest.raises(CannotInline, match="too long"):
        inlined(f"<style>{styles}</style>{'<p>x</p>' * 3900}")
