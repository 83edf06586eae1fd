"""A readable text version of an HTML body, for people and programs that show no HTML.

The markup is cut into pieces by regular expressions whose repetitions give nothing back, so that any input takes time
in proportion to its length. `html.parser` needs quadratic time for malformed input in many versions of Python 3.11 to
3.13 (CVE-2025-6069), and a body may come from anybody.

A body may also be long, and who reads the text instead of the HTML reads no book. So the work is bounded: the text ends
after about as much as 256 KB of markup make, and says so. It says it in English: a message has no language that is
known here, and has to read the same at each attempt.
"""

import html
import re
from collections.abc import Callable
from itertools import islice

MOST_WORK = 256 * 1024  # characters of text, and some for each tag: mail programs clip HTML after 100 KB already
WORK_OF_A_PIECE = 4  # a tag takes as long as a few characters
LONGEST_MARKUP = 1024 * 1024  # that is looked at: what a text leaves out, such as images in their tags, is long
LONGEST_ADDRESS = 2000  # of a link; nobody types a longer one
MOST_ATTRIBUTES = 50
CUT = "[...] The rest is in the HTML version of this message."

_PIECE = re.compile(
    r"""<!--(?:[^-]++|-+(?=---)|-(?!->))*+(?:-->)?                      # goes unseen, like the next two
        |<(?P<unseen>script|style|title|template|noscript|svg)\b[^<]*+(?:<(?!/(?P=unseen)\s*+>)[^<]*+)*+
            (?:</(?P=unseen)\s*+>)?
        |<[!?][^>]*+>?
        |<(?P<close>/?)(?P<tag>[a-z][a-z0-9:-]*+)
        (?P<attributes>(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+|[^<>]*+)>   # quotes may hold a '>', unless they are odd
        |(?P<text><?+(?:[^<]++|<+(?=<)|<(?!/?[a-z]|[!?]))*+)""",
    re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([\w:-]++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"']\S*+))?+""")
_OVERLONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}+;?")  # html.unescape gives up on some of these
_SPACES = re.compile(r"[ \t\r\n\f]+")

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_PARAGRAPHS = frozenset(
    {"p", "div", "table", "ul", "ol", "dl", "blockquote", "pre", "section", "article", "header", "footer", *_HEADINGS}
)
_LINES = frozenset({"tr", "dt", "dd", "address", "figcaption", "caption", "option", "body", "center", "form"})
_DEEPEST = 8
_LONGEST_WORD = 100


def text_from_html(markup: str) -> str:
    """Links as `text (url)`, lists with dashes or numbers, one line a table row, `#` before headings. Never raises.

    Of long markup the beginning, and CUT.
    """
    page = _Page()
    whole = _read(page, markup)
    return page.finished("" if whole else CUT)


def _read(page: "_Page", markup: str) -> bool:
    """Whether to its end."""
    for number, piece in enumerate(_PIECE.finditer(markup, 0, LONGEST_MARKUP)):
        left = MOST_WORK - page.written - number * WORK_OF_A_PIECE
        if left <= 0:
            return False
        if piece["tag"]:
            _tag(page, piece)
        elif text := piece["text"]:
            if piece.end() == LONGEST_MARKUP < len(markup):  # cut through: a tag, or perhaps a word
                left = 0 if text.startswith("<") else min(left, len(text) - 1)
            page.text(_unescaped(_beginning(text, left)))
            if len(text) > left:
                return False
    return len(markup) <= LONGEST_MARKUP


def _tag(page: "_Page", piece: re.Match[str]) -> None:
    if piece["close"]:
        page.end(piece["tag"].lower())
    else:
        page.start(piece["tag"].lower(), piece["attributes"])


class _Page:
    """What has been written so far, and what has to come before the next word."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._before = ""  # a space, a cell's border or a bullet that waits for a word
        self._lists: list[int | None] = []  # the next number of each open list; None: dashes
        self._link: tuple[str, int] | None = None  # its address, and where in the line its text starts
        self._verbatim = 0
        self.written = 0  # characters

    def text(self, text: str) -> None:
        if self._verbatim:
            self._preformatted(text)
            return
        words = _SPACES.sub(" ", text)
        if words.startswith(" "):
            self._space()
        if stripped := words.strip(" "):
            self._write(stripped)
            if words.endswith(" "):
                self._space()

    def start(self, tag: str, attributes: str) -> None:
        if tag in _PARAGRAPHS:
            self._paragraph()
        elif tag in _LINES:
            self._break()
        if action := _STARTS.get(tag):
            action(self, attributes)

    def end(self, tag: str) -> None:
        if action := _ENDS.get(tag):
            action(self, "")
        if tag in _PARAGRAPHS:
            self._paragraph()
        elif tag in _LINES:
            self._break()

    def finished(self, last_line: str = "") -> str:
        self._link_ends()
        self._break()
        self._lines += ["", last_line] if last_line else []
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")
        return f"{text}\n" if text else ""

    def _write(self, text: str) -> None:
        self._line.append(self._before)
        self._line.append(text)
        self.written += len(self._before) + len(text)
        self._before = ""

    def _space(self) -> None:
        if self._line and not self._before:
            self._before = " "

    def _break(self, _: str = "") -> None:
        if self._line:
            self._lines.append("".join(self._line).rstrip())
        self._line = []
        self._before = self._before if self._before.endswith(("- ", ". ")) else ""

    def _paragraph(self) -> None:
        self._break()
        if self._lines and self._lines[-1] and not self._lists:
            self._lines.append("")

    def _preformatted(self, text: str) -> None:
        first, *others = text.replace("\r\n", "\n").split("\n")
        if first:
            self._write(first)
        for line in others:
            self._lines.append("".join(self._line).rstrip())
            self._line = []
            if line:
                self._write(line)

    def _line_break(self, _: str = "") -> None:
        if self._line:
            self._break()
        elif self._lines:
            self._lines.append("")

    def _rule(self, _: str) -> None:
        self._break()
        self._lines.append("-" * 20)

    def _heading(self, _: str) -> None:
        self._before = "# "

    def _list(self, _: str) -> None:
        self._lists.append(None)

    def _numbered_list(self, attributes: str) -> None:
        start = _attribute(attributes, "start")
        self._lists.append(int(start) if re.fullmatch("[0-9]{1,6}", start) else 1)

    def _list_ends(self, _: str) -> None:
        if self._lists:
            self._lists.pop()

    def _item(self, _: str) -> None:
        self._before = ""
        self._break()
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number + 1
        indent = "  " * min(max(len(self._lists) - 1, 0), _DEEPEST)
        self._before = f"{indent}- " if number is None else f"{indent}{number}. "

    def _cell(self, _: str) -> None:
        if self._line:
            self._before = " | "

    def _image(self, attributes: str) -> None:
        if alternative := _attribute(attributes, "alt"):
            self.text(_beginning(alternative, LONGEST_ADDRESS))

    def _link_starts(self, attributes: str) -> None:
        self._link_ends()
        address = _attribute(attributes, "href")
        if len(address) <= LONGEST_ADDRESS and address.lower().startswith(("http:", "https:", "mailto:", "tel:")):
            self._link = (address, len(self._line))

    def _link_ends(self, _: str = "") -> None:
        if self._link is None:
            return
        address, start = self._link
        self._link = None
        shown = "".join(self._line[start:]).strip()
        if not shown:
            return
        if shown not in (address, address.split(":", 1)[1].lstrip("/").rstrip("/")):
            self._write(f" ({address})" if not self._before else f"({address})")

    def _verbatim_starts(self, _: str) -> None:
        self._verbatim += 1

    def _verbatim_ends(self, _: str) -> None:
        self._verbatim = max(0, self._verbatim - 1)


_Action = Callable[[_Page, str], None]

_STARTS: dict[str, _Action] = {
    "a": _Page._link_starts,
    "br": _Page._line_break,
    "hr": _Page._rule,
    "img": _Page._image,
    "li": _Page._item,
    "ol": _Page._numbered_list,
    "ul": _Page._list,
    "td": _Page._cell,
    "th": _Page._cell,
    "pre": _Page._verbatim_starts,
    **dict.fromkeys(_HEADINGS, _Page._heading),
}
_ENDS: dict[str, _Action] = {
    "a": _Page._link_ends,
    "li": _Page._break,
    "ol": _Page._list_ends,
    "ul": _Page._list_ends,
    "pre": _Page._verbatim_ends,
}


def _attribute(attributes: str, wanted: str) -> str:
    for match in islice(_ATTRIBUTE.finditer(attributes), MOST_ATTRIBUTES):
        if match[2] and match[1].lower() == wanted:
            return _SPACES.sub(" ", _unescaped(match[2].strip("\"'"))).strip()
    return ""


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    return html.unescape(_OVERLONG_NUMBER.sub("\ufffd", text)).replace("\xa0", " ")


def _beginning(text: str, most: int) -> str:
    """Ends before a word or a character reference that would be cut through."""
    if len(text) <= most:
        return text
    kept = text[:most]
    place = max(kept.rfind(mark, max(0, most - _LONGEST_WORD)) for mark in " \n&")
    return kept[:place] if place >= 0 else kept
