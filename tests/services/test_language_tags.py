import pytest

from appliance.services.language_tags import LONGEST, canonical, fallbacks


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("de-AT-1996", "de-AT-1996"),
        ("DE_at_1996", "de-AT-1996"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("zh-cmn-hans-cn", "zh-cmn-Hans-CN"),
        ("az-Arab-x-AZE-derbend", "az-Arab-x-aze-derbend"),
        ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("es-419", "es-419"),
        ("x-whatever", "x-whatever"),
        ("I-Klingon", "i-klingon"),
        ("en-gb-OED", "en-GB-oed"),
        (" zh_hant_TW ", "zh-Hant-TW"),
    ],
)
def test_tag_of_any_form_is_written_in_one_way(text: str, written: str) -> None:
    """RFC 5646 section 2.1.1."""
    assert canonical(text) == written


@pytest.mark.parametrize(
    "text",
    [
        *("", "z", "german", "de-", "-de", "de--AT", "de-A", "de-u", "de-AT-DE", "de-123456789", "../zh", "de\n", "dé"),
        *("x", "de-x", "de AT", "de-AT-x-123456789", f"de-x{'-12345678' * (LONGEST // 9)}"),
    ],
)
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give a language such as"):
        canonical(text)


@pytest.mark.parametrize(
    ("tag", "others"),
    [
        ("de-AT-1996", ["de-AT-1996", "de-AT", "de"]),
        ("zh-Hant-CN-x-one-two", ["zh-Hant-CN-x-one-two", "zh-Hant-CN-x-one", "zh-Hant-CN", "zh-Hant", "zh"]),
        ("de-u-co-phonebk", ["de-u-co-phonebk", "de-u-co", "de"]),
        ("x-whatever", ["x-whatever"]),
    ],
)
def test_tags_are_looked_up_by_cutting_off_what_is_last(tag: str, others: list[str]) -> None:
    """RFC 4647 section 3.4."""
    assert list(fallbacks(tag)) == others
