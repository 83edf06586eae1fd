import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.mail.html_text import CUT, LONGEST_MARKUP, MOST_WORK, text_from_html

PIECES = [
    "<",
    ">",
    "</",
    "<!--",
    "-->",
    "<a href=",
    "'",
    '"',
    "&#",
    "&amp;",
    "9" * 6000,
    "<ul><li>",
    "<script>",
    "</p>",
]


def test_a_newsletter_reads_well() -> None:
    html = """
    <html><head><title>ignored</title><style>p { color: red }</style></head><body>
    <h1>Hello &amp; welcome</h1>
    <p>Dear <b>Ann</b>,
       your <a href="https://shop.example/o?a=1&amp;b=2">order</a> is <i>on its way</i>.<br>Soon.</p>
    <ul><li>One</li><li>Two<ul><li>inner</li></ul></li></ul>
    <ol start="3"><li>three<li>four</ol>
    <table><tr><th>Item</th><th>Price</th></tr><tr><td>Tea</td><td>3 &lt; 4</td></tr></table>
    <hr><pre>kept   as
      it is</pre><script>alert("<p>no</p>")</script><!-- nor this --></body></html>"""

    assert text_from_html(html) == (
        "# Hello & welcome\n"
        "\n"
        "Dear Ann, your order (https://shop.example/o?a=1&b=2) is on its way.\n"
        "Soon.\n"
        "\n"
        "- One\n"
        "- Two\n"
        "  - inner\n"
        "\n"
        "3. three\n"
        "4. four\n"
        "\n"
        "Item | Price\n"
        "Tea | 3 < 4\n"
        "\n"
        "--------------------\n"
        "\n"
        "kept   as\n"
        "      it is\n"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://example.com/">example.com</a>', "example.com\n"),
        ('<a href="mailto:ann@example.com">ann@example.com</a>', "ann@example.com\n"),
        ('<a href="javascript:alert(1)">click</a>', "click\n"),
        ('<a href="https://example.com"><img src="x" alt="Logo"></a>', "Logo (https://example.com)\n"),
        ('<a title="a > b" href="http://q.example">go</a>', "go (http://q.example)\n"),
        ("<a href=it's>odd</a>", "odd\n"),
        ("1 < 2 > 0 <3", "1 < 2 > 0 <3\n"),
        ("&nbsp;&#x4f60;&#22909;", "你好\n"),
        ("&#" + "9" * 5000 + ";", "\ufffd\n"),
        ("<p>one</p><script>the rest is code", "one\n"),
        ("", ""),
    ],
)
def test_details(html: str, text: str) -> None:
    assert text_from_html(html) == text


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map("".join))
def test_no_input_raises(html: str) -> None:
    text_from_html(html)


@pytest.mark.parametrize("piece", [*PIECES, "<a ", "<a '", "<ul><li>a", "<b c=d>", "<td>a", "<?", "<!", "</", "a=b "])
def test_half_a_megabyte_of_anything_is_done_and_stays_in_proportion(piece: str) -> None:
    """Quadratic time would take many minutes here, and hang the suite."""
    html = f"<a {piece * (500_000 // len(piece))}"

    assert len(text_from_html(html)) <= 12 * len(html)


@pytest.mark.parametrize(
    "piece", [*PIECES, "<p>Hello</p>", "<tr><td>Tea</td><td>3.50</td></tr>", "<hr>", "word ", "<!"]
)
def test_of_twenty_megabytes_the_beginning_is_read_and_the_rest_is_named(piece: str) -> None:
    html = piece * (20 * 1024 * 1024 // len(piece))

    text = text_from_html(html)

    assert text.endswith(f"{CUT}\n")
    assert len(text) <= 6 * MOST_WORK


def test_all_of_an_ordinary_newsletter_is_read() -> None:
    html = "<p>Dear Ann, <b>your order</b> is on its way.</p>" * 2000

    text = text_from_html(html)

    assert CUT not in text
    assert text.count("your order") == 2000


def test_an_image_written_into_the_markup_does_not_cut_the_text() -> None:
    image = "A" * (LONGEST_MARKUP // 2)

    assert text_from_html(f'<img src="data:image/png;base64,{image}" alt="Logo"><p>Hello</p>') == "Logo\n\nHello\n"


@pytest.mark.parametrize(
    ("before", "cut_through", "text"),
    [
        ("<p>Hello</p>", f'<a title="{"x" * 200}" href="http://a.example">', "Hello"),
        ("<p>Hello</p>", f"<!-- {'x' * 200} -->", "Hello"),
        ("<p>Hello</p>", f"<script>{'x' * 200}</script>", "Hello"),
        ("<p>Hello wo</p>", "&nbsp;" * 40, "Hello wo"),
    ],
)
def test_nothing_is_cut_through_where_the_markup_is_too_long(before: str, cut_through: str, text: str) -> None:
    for short in range(1, 100, 7):
        start = f"<!-- {'-' * (LONGEST_MARKUP - len(before) - short - 9)} -->{before}"
        html = f"{start}{cut_through}{'x' * LONGEST_MARKUP}"

        assert text_from_html(html) == f"{text}\n\n{CUT}\n"


def test_a_long_text_ends_with_a_whole_word() -> None:
    text = text_from_html("wonderful " * 50_000)

    assert set(text.removesuffix(f"{CUT}\n").split()) == {"wonderful"}


def test_a_text_is_not_cut_within_a_character_reference() -> None:
    for short in range(12):
        text = text_from_html(f"{'x' * (MOST_WORK - short)}<b>&amp;{'y' * 100}</b>")

        assert "&a" not in text
        assert not text.removesuffix(f"\n\n{CUT}\n").endswith("&") or short == 0
