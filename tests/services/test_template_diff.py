from typing import Any

from appliance.db.models import TemplateVersion
from appliance.services import template_diff
from appliance.services.template_diff import Row, RowKind
from tests.services.templates import template_form


def version(number: int, **overrides: Any) -> TemplateVersion:
    return TemplateVersion(number=number, **template_form(**overrides).content())


def test_part_that_differs_has_a_unified_diff() -> None:
    parts = template_diff.between(version(1, text="one\ntwo\n"), version(4, text="one\nthree\n"))

    assert parts == {
        "text": "--- text of version 1\n+++ text of version 4\n@@ -1,2 +1,2 @@\n one\n-two\n+three",
    }


def test_equal_versions_differ_in_nothing() -> None:
    assert template_diff.between(version(1), version(2)) == {}


def test_variables_and_languages_are_compared_as_well() -> None:
    source = template_form().source()

    parts = template_diff.between(version(1), version(2, variables=(), locales={"zh": source}))

    assert set(parts) == {"variables", "locales.zh.subject", "locales.zh.html"}
    assert '-{"default": "there"' in parts["variables"]


def test_very_long_part_is_cut() -> None:
    long = "".join(f"{number}\n" for number in range(6000))

    parts = template_diff.between(version(1, text=""), version(2, text=long))

    assert "(4000 more lines)" in parts["text"]


def test_lines_stand_beside_each_other_with_their_numbers() -> None:
    before = "\n".join(f"line {number}" for number in range(20))
    after = before.replace("line 2\n", "line two\n").replace("line 15\n", "")

    rows = template_diff.side_by_side(version(1, text=before), version(2, text=after))["text"]

    assert [(row.old_number, row.old, row.new_number, row.new) for row in rows if row.kind is RowKind.CHANGED] == [
        (3, "line 2", 3, "line two")
    ]
    assert [(row.old, row.new) for row in rows if row.kind is RowKind.REMOVED] == [("line 15", None)]
    assert [row.kind for row in rows].count(RowKind.GAP) == 1
    assert Row(RowKind.SAME, 17, "line 16", 16, "line 16") in rows


def test_lines_that_were_not_there_have_no_other_side() -> None:
    rows = template_diff.side_by_side(version(1), version(2, text="one"))["text"]

    assert rows == [Row(RowKind.ADDED, None, None, 1, "one")]


def test_lines_that_occur_over_and_over_are_compared_in_no_time() -> None:
    """They would take days if each were compared with each."""
    old, new = version(1, html="x\n" * 4000), version(2, html="x\ny\n" * 2000)

    assert set(template_diff.side_by_side(old, new)) == set(template_diff.between(old, new)) == {"html"}
